"""What lies in a run folder, and the study of a run."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

from cases import LAST_STEP, Case, Maker, finished, in_toml, json_mutant, stopped_run
from forks import in_child
from mutations import NASTY, broken, damaged

CHECKPOINT_NASTY = (
    *NASTY, {"value": 0}, {"value": -1}, {"value": 2**70}, {"value": "../../outside.txt"}, {"value": None}, {"tensor": "t0"},
    {"tensor": "none"},
    {"dict": []}, {"list": []}, {"dict": [["../../outside.txt", {"value": 0}]]}, {"dict": [[["a"], {"value": 0}]]}, {"what": 1},
)  # fmt: skip


def config(folder: Path) -> Maker:
    """config.toml of a run that stopped."""
    return _run_mutant(folder, "config.toml")


def environment(folder: Path) -> Maker:
    """environment.json of a run that stopped."""
    return _run_mutant(folder, "environment.json")


def tables(folder: Path) -> Maker:
    """The tables of a run that stopped, and of one that is done."""
    stopped, done = stopped_run(folder / "stopped"), finished(folder / "done")

    def make(random: Random, work: Path) -> Case:
        name = random.choice(
            ("metrics.csv", "layers.csv", "scores.csv", "genotypes.csv", "diagnostics.csv", "timing.csv")
        )
        shutil.copytree(random.choice((stopped, done)), work / "run")
        path = work / "run" / name
        lines = path.read_bytes().splitlines(keepends=True)
        if random.random() < 0.5 and len(lines) > 1:
            cells = lines[-1].rstrip(b"\n").split(b",")
            cells[random.randrange(len(cells))] = str(random.choice(NASTY)).encode(errors="replace")
            path.write_bytes(b"".join([*lines[:-1], b",".join(cells) + b"\n"]))
        else:
            path.write_bytes(damaged(path.read_bytes(), random))
        return Case(name, [[random.choice(("resume", "plot")), "run"]])

    return make


def checkpoint(folder: Path) -> Maker:
    """The checkpoint of a run that stopped, with its checksum made right again."""
    stopped = stopped_run(folder)

    def make(random: Random, work: Path) -> Case:
        import torch
        from safetensors import safe_open
        from safetensors.torch import save

        shutil.copytree(stopped, work / "run")
        (path,) = (work / "run" / "checkpoints").glob(f"step-{LAST_STEP:09d}-*")
        if random.random() < 0.2:
            data = damaged(path.read_bytes(), random)
        else:
            with safe_open(path, framework="pt") as file:
                metadata, tensors = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if random.random() < 0.7:
                key = random.choice(list(metadata))
                metadata[key] = json.dumps(broken(json.loads(metadata[key]), random, CHECKPOINT_NASTY))
            else:
                name = random.choice(list(tensors))
                tensors[name] = random.choice(
                    (tensors[name].double() * float("nan"), torch.zeros(0), tensors[name].flatten()[:1], tensors[name].bool(),
                     torch.full_like(tensors[name], 100), tensors[name][None])
                )  # fmt: skip
            data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata=metadata)
        path.unlink()
        _with_checksum(path.parent, data)
        return Case("checkpoint", [["resume", "run"]])

    return make


def _with_checksum(folder: Path, data: bytes) -> None:
    (folder / f"step-{LAST_STEP:09d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors").write_bytes(data)


def journal(folder: Path) -> Maker:
    """The journal of an Optuna study that stopped half way."""
    folder.mkdir(parents=True)

    def begin() -> None:
        import scansearch
        from scansearch.training.events import Silent

        class Stop(Silent):
            def judged(self, done: int, most: int, accuracy: float) -> None:
                if done == LAST_STEP:
                    raise SystemExit(0)

        scansearch.search(
            folder / "run", strategy="optuna_search", trials=4, storage=str(folder / "journal"), listener=Stop(),
            model="local_vim_nano",
            epochs=1, batch_size=32, limit=64, validation_limit=32,
            threads=1, patch_size=2, depth=2, checkpoint_steps=1, scan_backend="torch",
        )  # fmt: skip

    outcome = in_child(begin, folder)
    assert outcome.status == 0, outcome.err

    def make(random: Random, work: Path) -> Case:
        shutil.copytree(folder / "run", work / "run")
        text = (folder / "journal").read_bytes()
        config = work / "run" / "config.toml"
        if random.random() < 0.6:
            lines = [json.loads(line) for line in text.splitlines()]
            mutant = broken(lines, random)
            mutant = mutant if isinstance(mutant, list) else [mutant]
            text = b"".join(json.dumps(line).encode() + b"\n" for line in mutant)
        else:
            text = damaged(text, random)
        # The run names its journal by an absolute path.
        config.write_text(config.read_text().replace(str(folder / "journal"), str(work / "journal")))
        (work / "journal").write_bytes(text)
        return Case("journal", [["resume", "run"]])

    return make


def _run_mutant(folder: Path, name: str) -> Maker:
    stopped = stopped_run(folder)
    sound = folder / "genotype.json"

    def make(random: Random, work: Path) -> Case:
        import tomli_w

        shutil.copytree(stopped, work / "run")
        path = work / "run" / name
        if name.endswith(".json"):
            json_mutant(random, path.read_bytes(), path)
        elif random.random() < 0.7:
            tree = broken(toml(path), random, tuple(v for v in NASTY if in_toml(v)))
            path.write_text(
                tomli_w.dumps(tree) if isinstance(tree, dict) and in_toml(tree) else f"x = {tree!r}", errors="replace"
            )
        else:
            path.write_bytes(damaged(path.read_bytes(), random))
        return Case(name, [["resume", "run"]], sound)

    return make


def toml(path: Path) -> Any:
    from scansearch.documents import parse_toml

    return parse_toml(path.read_text())
