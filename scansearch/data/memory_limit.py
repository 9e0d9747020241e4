"""Whether scaled images fit into memory, before any of them is scaled."""

from __future__ import annotations

from collections.abc import Mapping

from scansearch.data.splits import Split, TensorSplit
from scansearch.errors import ScansearchError
from scansearch.machine.memory_size import machine_memory


def check_memory(splits: Mapping[str, Split], height: int, width: int) -> None:
    """Refuses a size at which the images that are kept in memory would need more than the machine has.

    Raises:
        ScansearchError: Saying how much they need.
    """
    held = [split for split in splits.values() if isinstance(split, TensorSplit)]
    need = sum(len(split) * split.image_shape[0] * split.images.element_size() * height * width for split in held)
    have = machine_memory()
    if have and need > have:
        raise ScansearchError(
            f"{sum(map(len, held)):,} images of {height} x {width} pixels need {need / 2**30:,.1f} GB of memory, but this machine "
            f"has {have / 2**30:,.1f} GB; choose a smaller image_size, or keep the images in files (data set imagefolder)"
        )
