"""Plain arrays out of a NumPy archive: no pickles, and nothing is allocated that the file does not hold."""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from scansearch.errors import ScansearchError
from scansearch.files import check_file
from scansearch.machine.memory_size import machine_memory

MOST_DEFLATED = 1100
"""Bytes that one byte of a deflated file can become: 1032, and a little for its ends."""
COPIES = 2
"""Arrays of the size of the images that are in memory at a time, while they are read and taken apart."""


def list_arrays(path: Path) -> list[str]:
    """Names of the arrays in an archive.

    Raises:
        ScansearchError: If it cannot be read, is no archive, or has two arrays of one name.
    """
    with _one_line(path):
        check_file(path)
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ScansearchError(f"{path} holds the array {twice[0]} twice; write it again with np.savez")
    return names


def read_arrays(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Reads some arrays of an archive, after all their headers were checked.

    Raises:
        ScansearchError: If a member is no array of numbers, is damaged, claims more than the archive can hold, or all
            together need more memory than the machine has.
    """
    with _one_line(path), zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        bytes_each = {name: _check_member(archive, members[name], path) for name in names}
        need, have = COPIES * sum(bytes_each.values()), machine_memory()
        if have and need > have:
            raise ScansearchError(
                f"{path} needs {need / 2**30:,.1f} GB of memory, but this machine has {have / 2**30:,.1f} GB; save fewer "
                "images, or image files for --data imagefolder, which are read as they are needed"
            )
        arrays = {}
        for name in names:
            with archive.open(members[name]) as file:
                arrays[name] = npy.read_array(file, allow_pickle=False)
        return arrays


def _check_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> int:
    """Bytes of an array in memory, once its header and the archive's agree."""
    held = os.path.getsize(path)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(f"{info.filename} is compressed in a way that np.savez does not use")
    if info.compress_size > held or info.file_size > MOST_DEFLATED * info.compress_size:
        raise ScansearchError(
            f"{path} has {held:,} bytes, but {info.filename} in it claims {info.file_size:,}; it is damaged, write it "
            "again with np.savez"
        )
    with archive.open(info) as file:
        shape, dtype = _read_header(file, path)
        stored, found = math.prod(shape) * dtype.itemsize, info.file_size - file.tell()
    if stored != found:
        raise ScansearchError(
            f"{path}: {info.filename} must hold {stored:,} bytes for the shape {shape} of {dtype}, but holds {found:,}; it "
            "is damaged, write it again with np.savez"
        )
    return math.prod(shape) * (1 if dtype.itemsize == 1 else max(dtype.itemsize, 4))


def _read_header(file: IO[bytes], path: Path) -> tuple[tuple[int, ...], np.dtype]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in readers:
        raise ValueError(f"a header of version {version[0]}.{version[1]}, which plain arrays do not need")
    try:
        shape, _, dtype = readers[version](file)
    except tokenize.TokenError as error:  # NumPy reads a header that is no Python text once more, as one of Python 2
        raise ValueError(f"a header that is cut off: {error.args[0]}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, dtype


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ScansearchError(
            f"{path} is no .npz archive, or a damaged one ({error}); write it with np.savez"
        ) from None
    except (ValueError, SyntaxError, TypeError, KeyError, NotImplementedError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ScansearchError(f"{path} must hold plain arrays of numbers, but one cannot be read ({reason})") from None
    except (MemoryError, OverflowError):
        raise ScansearchError(f"{path} does not fit into memory, or a damaged header says so") from None
    except OSError as error:
        raise ScansearchError(f"{path} cannot be read: {error.strerror or error}") from None
