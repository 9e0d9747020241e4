"""A process takes its place among those that it was launched with, or says how to launch some."""

import logging

import pytest
import torch

from scansearch.errors import ScansearchError
from scansearch.runs.settings import MachineSettings
from scansearch.training.join import check_accelerator, join


def test_alone_there_is_one_process():
    machine, fabric = join(MachineSettings(accelerator="cpu"))
    assert (machine.devices, fabric.world_size, fabric.global_rank) == (1, 1, 0)


def test_nothing_is_said_of_precision(monkeypatch):
    told = logging.StreamHandler()
    lines = []
    monkeypatch.setattr(told, "emit", lambda record: lines.append(record.getMessage()))
    logger = logging.getLogger("lightning_fabric")
    logger.setLevel(logging.INFO)
    logger.addHandler(told)
    try:
        assert join(MachineSettings(accelerator="cpu", precision="bf16"))[1].world_size == 1
    finally:
        logger.removeHandler(told)
    assert lines == []


def test_several_processes_must_have_been_launched():
    with pytest.raises(
        ScansearchError, match=r"start the script with `torchrun --nproc-per-node 2 SCRIPT`, or set devices=1"
    ):
        join(MachineSettings(devices=2))


def test_the_launcher_and_the_settings_name_one_number(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ScansearchError, match="devices=3 needs 3 processes on each node, but torchrun started 2"):
        join(MachineSettings(devices=3))


def test_every_process_has_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_accelerator(MachineSettings(accelerator="cuda"), 2)
    check_accelerator(MachineSettings(accelerator="cpu"), 3)
    with pytest.raises(ScansearchError, match="3 processes need a GPU each, but torch finds 2 here; use devices=2"):
        check_accelerator(MachineSettings(accelerator="auto"), 3)


def test_a_missing_gpu_says_where_to_ask_for_another(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        ScansearchError, match=r"use accelerator=cpu \(--set, or in \[machine\] of a run's config.toml\)$"
    ):
        check_accelerator(MachineSettings(accelerator="cuda"), 1)
