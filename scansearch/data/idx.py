"""IDX files, the format of MNIST and its relatives; plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.files import check_file

UNSIGNED_BYTE = 0x08
MOST_BYTES = 2**30


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Reads a file of unsigned bytes.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian 32-bit number, data.

    Args:
        path: The file; gzipped if its name ends in ``.gz``.
        dimensions: 3 for images, 1 for labels.

    Returns:
        uint8 array of the shape the file states.

    Raises:
        ScansearchError: If the file cannot be read, is of another kind, or is shorter or longer than it states.
    """
    try:
        check_file(path)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            shape = _parse_header(header, dimensions, path)
            size = math.prod(shape)
            data = file.read(size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ScansearchError(f"{path} is damaged ({error}); get the file again") from None
    except OSError as error:
        raise ScansearchError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) != size:
        found = "more" if len(data) > size else f"only {len(data):,}"
        raise ScansearchError(
            f"{path} must hold {size:,} bytes after its header, but holds {found}; get the file again"
        )
    return np.frombuffer(data, dtype=np.uint8).reshape(shape).copy()


def _parse_header(header: bytes, dimensions: int, path: Path) -> tuple[int, ...]:
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if len(header) < 4 + 4 * dimensions or header[:4] != expected:
        raise ScansearchError(
            f"{path} must be an IDX file of bytes with {dimensions} dimension{'s' * (dimensions > 1)} (it would begin "
            f"with {expected.hex(' ')}), but begins with {header[:4].hex(' ') or 'nothing'}; get the file again"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if math.prod(shape) > MOST_BYTES or math.prod(shape) == 0:
        raise ScansearchError(f"{path} states the shape {shape}, which cannot be right; get the file again")
    return shape
