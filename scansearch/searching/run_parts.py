"""What a run of any kind is made of: its machine, its images, and the facts that are told and kept of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn

from scansearch.data import AugmentSettings, ImageData
from scansearch.data.augment import check_dense
from scansearch.data.division import Half
from scansearch.machine.environment import describe
from scansearch.machine.launched import launched
from scansearch.registry import DATASETS
from scansearch.runs.config import RunConfig, read_config
from scansearch.runs.environment_json import check_images, differences
from scansearch.runs.folder import RunFolder
from scansearch.runs.settings import DataSettings, MachineSettings
from scansearch.training.events import Listener
from scansearch.training.join import precision


def machine_of(path: str | Path, devices: int | None) -> MachineSettings:
    """The settings of a run's machine; where processes were launched, their number counts."""
    machine = read_config(Path(path)).machine
    return machine.model_copy(update={"devices": devices or (1 if launched() else machine.devices)})


def images_of(settings: DataSettings, listener: Listener) -> ImageData:
    """Reads the images of a run; errors as ``DatasetSpec.load``."""
    data: ImageData = DATASETS.get(settings.name).load(
        settings.root or None,
        image_size=settings.image_size or None,
        limit=settings.limit or None,
        validation_limit=settings.validation_limit or None,
        half=Half(int(settings.part[0]), settings.halving) if settings.part else None,
        skip_damaged=settings.skip_damaged,
        evaluation_crop=settings.evaluation_crop,
        refuse_duplicates=settings.refuse_duplicates,
        progress=listener.checked,
    )
    return data


def check_augmentation(augment: AugmentSettings, data: ImageData) -> None:
    """Checks, before anything is written, that masks can follow what is done to their images; errors as ``check_dense``."""
    if data.shape.dense:
        check_dense(augment)


def environment_of(machine: MachineSettings, data: ImageData, backend: str, fabric: Fabric) -> dict[str, Any]:
    """Facts about this process and its images that the numbers depend on; as ``describe``."""
    images = {"name": data.name, "fingerprint": data.fingerprint}
    return describe(images, fabric.device, backend, machine.mixture, precision(machine), fabric.world_size)


def started_facts(
    config: RunConfig, data: ImageData, network: nn.Module, environment: dict[str, Any], *, resumed: bool
) -> dict[str, Any]:
    """What a listener is told of any run when it starts."""
    return {
        "model": config.model.name,
        "parameters": sum(p.numel() for p in network.parameters()),
        "images": len(data.train),
        "measure": data.shape.measure,
        "mean": [float(f"{value:.6g}") for value in data.mean],
        "std": [float(f"{value:.6g}") for value in data.std],
        "device": environment["device"],
        "scan_backend": environment["scan_backend"],
        "resumed": resumed,
    }


def check_environment(now: dict[str, Any], folder: RunFolder, listener: Listener, before: dict[str, Any]) -> None:
    """Tells what has changed since a run began; errors as ``check_images``."""
    check_images(folder.path, before, now)
    for line in differences(before, now):
        listener.warned(f"{line}; the run continues, but not bit for bit")
