"""One command for a machine with a GPU, `make gpu-check`: are the kernels right there, and how fast are they?

It needs the checkout, torch, triton, numpy and what the core imports; nothing is downloaded. It prints tables, and writes all of it as
JSON and text under benchmarks/results/, with the card's name. Without a GPU it says so and ends with status 2.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks import gpu_kernels, gpu_timing
from benchmarks.gpu_timing import backends, failing, milliseconds, show

RESULTS = Path(__file__).parent / "results"


def supernets() -> list[dict[str, Any]]:
    """A step of the paper's search supernet, batch 64, and its memory; also with 128 directions in each of 20 layers."""
    from scansearch.models import Selection
    from scansearch.registry import MODELS, SEARCH_SPACES
    from scansearch.shape import ImageShape

    rows: list[dict[str, Any]] = []
    shape, spec = ImageShape(224, 224, channels=3, classes=1000), MODELS.get("local_vim_search")
    for space in ("default8", "wide128"):
        for backend in backends():
            if backend == "torch" and space == "wide128":
                continue
            with failing(rows, {"space": space, "backend": backend}) as row:
                candidates = [SEARCH_SPACES.get(space).candidates] * 20
                network: Any = spec.configure(scan_backend=backend).supernet(candidates, shape).cuda()
                pixels, labels = torch.randn(64, 3, 224, 224, device="cuda"), torch.randint(1000, (64,), device="cuda")

                def step() -> None:
                    with torch.autocast("cuda", torch.bfloat16):
                        alphas = network.architecture_parameters()  # noqa: B023 - called at once
                        chosen = [Selection(tuple(range(len(a))), a.flatten().softmax(0)) for a in alphas]
                        loss = torch.nn.functional.cross_entropy(network(pixels, chosen), labels)  # noqa: B023
                    loss.backward()

                row["step_ms"] = milliseconds(step, 3)
                row["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
                show(f"  {space:<9} {backend:<10} {row['step_ms']:9.1f} ms a step, peak {row['memory_gb']:.2f} GB")
    return rows


def search() -> list[dict[str, Any]]:
    """A short search and its derived network, on the GPU, by the same code as ever."""
    import scansearch

    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder, failing(rows, {"what": "search on digits"}) as row:
        genotype = scansearch.search(
            Path(folder) / "run", data="digits", model="local_vim_nano", epochs=2, accelerator="cuda"
        )
        network = scansearch.build("local_vim_nano", genotype=genotype, num_classes=10, image_size=8, in_channels=1)
        images = torch.rand(5, 1, 8, 8)
        with torch.no_grad():
            apart = (network.cuda()(images.cuda()).cpu() - network.cpu()(images)).abs().max()
        row.update(backend=genotype.search.get("backend"), logits_apart=float(apart))
        show(f"  done; logits of the derived network on the GPU and the CPU differ by {float(apart):.1e}")
    return rows


def main() -> int:
    """Runs everything; 1 if a kernel is wrong."""
    parser = argparse.ArgumentParser(prog="make gpu-check", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the tables go")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no CUDA GPU here", file=sys.stderr)
        return 2
    from scansearch.ops.backends import backend_report

    card = torch.cuda.get_device_name()
    show(f"{card}, {torch.cuda.get_device_properties(0).total_memory / 2**30:.0f} GiB; torch {torch.__version__}")
    status = [vars(b) for b in backend_report("cuda")]
    for row in status:
        show(
            f"  {row['name']:<10} {'chosen' if row['chosen'] else 'works' if row['available'] else 'no':<7} {row['reason']}"
        )
    found: dict[str, Any] = {"card": card, "torch": torch.__version__, "backends": status}
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "correctness": gpu_kernels.check, "search": search, "supernet_step": supernets,
        "scan": lambda: gpu_kernels.scans(found["copy_gb_s"]), "levels": gpu_kernels.levels, "passes": gpu_kernels.passes,
        "tiles": gpu_kernels.tiles,
    }  # fmt: skip
    found["copy_gb_s"] = gpu_timing.bandwidth()
    show(f"copy: {found['copy_gb_s']:,.0f} GB/s")
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / f"gpu-{'-'.join(card.lower().split())}"
    for name, measure in parts.items():
        show(name)
        found[name] = measure()
        stem.with_suffix(".json").write_text(json.dumps(found, indent=1, default=str) + "\n")
        stem.with_suffix(".txt").write_text("\n".join(gpu_timing.TEXT) + "\n")
    wrong = [row for row in found["correctness"] if not row["right"] or math.isnan(row["error"])]
    show(f"{len(wrong)} of {len(found['correctness'])} checks failed" if wrong else "all kernels are right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
