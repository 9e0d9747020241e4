"""A safetensors file part after part, so that to write one takes no memory beyond its largest tensor.

The library's own ``save`` holds two copies of the whole file while it makes it, beside tensors that must not share memory: with
large networks and small batches, the peak of a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Their names in the format: https://huggingface.co/docs/safetensors, *Format*."""
ALIGNED = 8  # bytes


def parts_of(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    """The bytes of a file: the length of its header, the header, and each tensor, the widest numbers first, as aligned as these.

    Args:
        tensors: By name; on any device. They may share memory, and have any strides.
        metadata: What else the header says.

    Raises:
        TypeError: If a tensor has numbers that are not in ``DTYPES``.
    """
    ordered = sorted(tensors.items(), key=lambda item: -item[1].element_size())
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in ordered:
        if tensor.dtype not in DTYPES:
            raise TypeError(f"tensors of these types can be written: {', '.join(DTYPES.values())}; got {tensor.dtype}")
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNED)
    yield len(text).to_bytes(8, "little")
    yield text
    for _, tensor in ordered:
        flat = tensor.detach().to("cpu").contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data
