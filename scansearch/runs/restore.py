"""Checks of what a checkpoint holds, before anything of it is taken over: whoever can write a file can write one.

What a fresh run has in the same place says what is right: the keys, the kinds, the shapes and types of tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

from scansearch.errors import RunFolderError
from scansearch.lazy import torch
from scansearch.text import brief


@contextmanager
def restoring(folder: Path) -> Iterator[None]:
    """Whatever a state stumbles over becomes one line: plug-ins are anyone's code, and checkpoints anyone's data.

    Raises:
        RunFolderError: In place of every error but a lack of memory.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RunFolderError(
            f"the checkpoint in {folder} is not one of this run: {reason[:300]}; remove the newest file in "
            f"{folder / 'checkpoints'} to go on from the one before, or start a new run"
        ) from error


def check_keys(found: object, keys: Sequence[str], where: str) -> None:
    """Checks that ``found`` is a dict with just these keys."""
    if type(found) is not dict:
        raise ValueError(f"{where} is {described(found)} and not a dict")
    for key in {*found} ^ {*keys}:
        raise ValueError(f"{where} {'lacks' if key in keys else 'has the unknown'} {key!r}")


def a_list(found: object, where: str, count: int | None = None) -> list[Any]:
    """Checks a list, of ``count`` entries if given, and returns it."""
    if type(found) is not list or count not in (None, len(found)):
        raise ValueError(f"{where} is {described(found)} and not a list{'' if count is None else f' of {count}'}")
    return found


def whole(value: object, least: int, most: int, where: str) -> int:
    """Checks an integer from ``least`` to ``most`` and returns it."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{where} is {described(value)} and not an integer from {least} to {most}")
    return value


def check_tensor(found: object, like: torch.Tensor, where: str) -> torch.Tensor:
    """Checks shape and type against a tensor of the fresh run."""
    if not isinstance(found, torch.Tensor) or found.shape != like.shape or found.dtype != like.dtype:
        raise ValueError(f"{where} is {described(found)}, but this run has {described(like)}")
    return found


def check_numbers(found: torch.Tensor, where: str, *, finite: bool = True) -> None:
    """Checks that a tensor has no NaN, and if ``finite`` nothing infinite."""
    if bool(found.isnan().any()) or (finite and not bool(found.isfinite().all())):
        raise ValueError(f"{where} is not finite")


def check_weights(found: object, module: torch.nn.Module) -> None:
    """Checks a module's state against the module itself; parameters are finite, buffers may be anything."""
    fresh = module.state_dict()
    check_keys(found, list(fresh), "the network")
    assert isinstance(found, dict)
    parameters = {name for name, _ in module.named_parameters()}
    for name, like in fresh.items():
        if isinstance(like, torch.Tensor):  # a module may have state of another kind
            check_tensor(found[name], like, name)
        if name in parameters:
            check_numbers(found[name], name)


def check_like(found: object, fresh: Mapping[str, Any], where: str) -> None:
    """Checks a plug-in's state against that of one just set up: what is there must be there, and of the same kind.

    Plug-ins of strangers may grow lists, tensors and dicts, so that what is in them is for ``load_state_dict`` to check.

    Raises:
        ValueError: Naming the entry.
    """
    if type(found) is not dict:
        raise ValueError(f"{where} is {described(found)} and not a dict")
    for key, like in fresh.items():
        if key not in found:
            raise ValueError(f"{where} lacks {key!r}")
        value = found[key]
        if isinstance(like, torch.Tensor) and isinstance(value, torch.Tensor):
            alike = (value.dtype, value.ndim) == (like.dtype, like.ndim)
        else:
            alike = like is None or _kind(value) is _kind(like)
        if not alike:
            raise ValueError(f"{key!r} of {where} is {described(value)}, but this run has {described(like)}")


def _kind(value: object) -> type:
    return float if isinstance(value, (bool, int)) else type(value)


def numbers(value: object, where: str) -> list[float]:
    """Checks a list of finite floats and returns it."""
    found = a_list(value, where)
    if not all(type(v) is float and isfinite(v) for v in found):
        raise ValueError(f"{where} is no list of finite numbers")
    return found


def generators() -> dict[str, Any]:
    """The states of torch's random generators, of the CPU and of this process's CUDA device."""
    return {"cpu": torch.get_rng_state(), "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []}


def check_generators(found: Any) -> None:
    """Checks such states; there may be that of a CUDA device where none is, or none where one is."""
    check_keys(found, ["cpu", "cuda"], "the random generators")
    check_tensor(found["cpu"], torch.get_rng_state(), "the CPU's random generator")
    cuda = a_list(found["cuda"], "the random generators of CUDA devices")
    for here, state in zip(generators()["cuda"], cuda, strict=False):
        check_tensor(state, here, "a CUDA device's random generator")


def restore_generators(found: Mapping[str, Any]) -> None:
    """Sets the generators; that of the CUDA device if there was one."""
    torch.set_rng_state(found["cpu"])
    for state in found["cuda"][: len(generators()["cuda"])]:
        torch.cuda.set_rng_state(state)


def described(value: object) -> str:
    """A value for a message."""
    if isinstance(value, torch.Tensor):
        return f"a tensor {list(value.shape)} of {value.dtype}"
    return brief(value)
