"""How a process takes its place among those that it was launched with, or stays alone."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time
import warnings

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from scansearch.errors import ScansearchError
from scansearch.machine import launched
from scansearch.runs.settings import MachineSettings

WHERE = "--set, or in [machine] of a run's config.toml"
_watching: list[threading.Thread] = []


def join(machine: MachineSettings) -> tuple[MachineSettings, Fabric]:
    """Joins the processes that this one was launched with; the first thing that a run does.

    Args:
        machine: The settings; ``devices`` counts where this process was not launched.

    Returns:
        The settings with the devices there are, and the processes, ready to talk to each other.

    Raises:
        ScansearchError: If there are no such processes or devices.
    """
    devices = launched.local_size()
    if not launched.launched() and machine.devices > 1:
        raise ScansearchError(
            f"devices={machine.devices} needs {machine.devices} processes, but this is one; start the script with "
            f"`torchrun --nproc-per-node {machine.devices} SCRIPT`, or set devices=1"
        )
    if machine.devices not in (1, devices):
        raise ScansearchError(
            f"devices={machine.devices} needs {machine.devices} processes on each node, but torchrun started {devices}; leave "
            "devices out, or give both the same number"
        )
    check_accelerator(machine, devices)
    if machine.threads:
        torch.set_num_threads(max(1, machine.threads // devices))
    for name in ("lightning.fabric", "lightning_fabric"):  # what it notes of precision and processes, a run says itself
        logging.getLogger(name).setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=machine.accelerator,
        devices=devices,
        num_nodes=launched.nodes(),
        strategy=_strategy(),
        precision=precision(machine),  # type: ignore[arg-type]
    )
    _launch(fabric)
    return machine.model_copy(update={"devices": devices}), fabric


def _strategy() -> DDPStrategy | str:
    # Branches that a step does not run have no gradient, and it is not known beforehand which ones these are.
    return DDPStrategy(find_unused_parameters=True) if launched.size() > 1 else "auto"


def _launch(fabric: Fabric) -> None:
    if fabric.world_size == 1:
        fabric.launch()
        return
    warnings.filterwarnings("ignore", "Grad strides do not match")  # it costs a copy of small tensors
    if not _watching:
        _watching.append(threading.Thread(target=_stop_with, args=(os.getppid(),), daemon=True))
        _watching[0].start()
        atexit.register(_leave)
    fabric.launch()


def _leave() -> None:
    """Ends the threads that talk to the other processes while Python still stands: left to the exit of C++, they may abort it."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _stop_with(launcher: int) -> None:
    """Stops this process as SIGTERM does once its launcher has gone, which can no longer tell it of the others."""
    while os.getppid() == launcher:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


def check_accelerator(machine: MachineSettings, devices: int) -> None:
    """Checks that there is an accelerator for every process of this node.

    Raises:
        ScansearchError: If not.
    """
    if machine.accelerator == "cuda" and not torch.cuda.is_available():
        raise ScansearchError(
            f"accelerator=cuda needs a CUDA GPU, but torch finds none here; use accelerator=cpu ({WHERE})"
        )
    if machine.accelerator == "mps" and not torch.backends.mps.is_available():
        raise ScansearchError(
            f"accelerator=mps needs an Apple GPU, but torch finds none here; use accelerator=cpu ({WHERE})"
        )
    if _on_cuda(machine) and devices > torch.cuda.device_count():
        raise ScansearchError(
            f"{devices} processes need a GPU each, but torch finds {torch.cuda.device_count()} here; use devices="
            f"{torch.cuda.device_count()} or accelerator=cpu ({WHERE})"
        )
    if devices > 1 and machine.accelerator in ("auto", "mps") and torch.backends.mps.is_available():
        raise ScansearchError(
            f"several processes cannot share an Apple GPU; use devices=1 or accelerator=cpu ({WHERE})"
        )


def _on_cuda(machine: MachineSettings) -> bool:
    return machine.accelerator == "cuda" or (machine.accelerator == "auto" and torch.cuda.is_available())


def precision(machine: MachineSettings) -> str:
    """The number format, by its name in Fabric."""
    return {"auto": "bf16-mixed" if _on_cuda(machine) else "32-true", "32": "32-true", "bf16": "bf16-mixed"}[
        machine.precision
    ]
