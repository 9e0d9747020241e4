"""What LocalMamba's own search costs on paper, and 128 directions a layer: bytes and arithmetic counted, divided by published rates.

Nothing is measured. The passes of ``published_passes`` and ``own_passes`` are added up over the layers of a model; a pass takes at least
the longest of the times of its bytes, its exponentials and its multiply-adds, and passes run one after the other. Starting kernels,
reading images, exchanging gradients, validation, and whatever keeps a GPU from its published rates come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.table import Table

from benchmarks.comparison import plain_table
from benchmarks.own_passes import kept_mixture, recomputed_mixture
from benchmarks.passes import BYTES, Form, Layer, Pass, ends, layers_of
from benchmarks.published_passes import published
from scansearch.registry import MODELS, SEARCH_SPACES
from scansearch.shape import ImageShape

SHAPE = ImageShape(224, 224, 3, 1000)
IMAGES, EPOCHS, GPUS = 1_281_167, 100, 8
"""Training images of ImageNet-1K, and LocalMamba's search: 100 epochs on 8 GPUs, in float32 (arXiv 2403.09338, and its README)."""
BYTES_A_PARAMETER = 16
"""Weight, gradient and AdamW's two moments."""
SPECIAL = 16
"""Exponentials that a multiprocessor of each of ``DEVICES`` gives a cycle (CUDA C++ Programming Guide, "Arithmetic Instructions")."""
STATED = 28e9
"""Bytes that the paper needs for 20 blocks and 128 directions."""
FORMS: dict[str, Callable[[Layer], Form]] = {
    "published code": published,
    "ours, keep": kept_mixture,
    "ours, recompute": recomputed_mixture,
}


class Device(NamedTuple):
    """A GPU by its data sheet.

    Args:
        name: What it is called there.
        memory: Bytes.
        bandwidth: Bytes a second.
        operations: Floating-point operations of float32 a second, not on tensor cores; a multiply-add is two.
        lanes: Units for float32 in a multiprocessor, each a multiply-add a cycle (architecture white papers).
    """

    name: str
    memory: float
    bandwidth: float
    operations: float
    lanes: int

    @property
    def multiply_adds(self) -> float:
        """A second."""
        return self.operations / 2

    @property
    def exponentials(self) -> float:
        """A second: ``SPECIAL`` a cycle where ``lanes`` multiply-adds are."""
        return self.multiply_adds * SPECIAL / self.lanes

    def seconds(self, moved: float, exponentials: float, multiply_adds: float) -> float:
        """The longest of three times that pass side by side."""
        times = (moved / self.bandwidth, exponentials / self.exponentials, multiply_adds / self.multiply_adds)
        return max(times)


DEVICES = (
    Device("V100 32GB", 32e9, 900e9, 15.7e12, 64),
    Device("A100 80GB", 80e9, 2039e9, 19.5e12, 64),
    Device("H100 SXM", 80e9, 3350e9, 67e12, 128),
)
"""NVIDIA's data sheets "V100 Tensor Core GPU" (SXM2), "A100 Tensor Core GPU" (80GB SXM) and "H100 Tensor Core GPU" (SXM)."""


@dataclass(frozen=True)
class Step:
    """One training step of a supernet on one GPU, in one implementation.

    Args:
        passes: All of them.
        kept: Bytes that wait for the backward pass when it begins, the images among them.
        chunk: Bytes more while a chunk of directions is computed again.
        chunks: How many such chunks there are in the step.
        parameters: Of the supernet.
        what: Its size in words.
    """

    passes: list[Pass]
    kept: float
    chunk: float
    chunks: int
    parameters: int
    what: str = ""

    @property
    def weights(self) -> float:
        """Bytes of weights, gradients and moments."""
        return BYTES_A_PARAMETER * self.parameters

    @property
    def moved(self) -> float:
        """Bytes read and written by all passes."""
        return sum(each.moved for each in self.passes)

    @property
    def least_moved(self) -> float:
        """Bytes that no cache saves: whatever waits for the backward pass is written once and read once."""
        return 2 * (self.kept + self.chunks * self.chunk)

    @property
    def exponentials(self) -> float:
        """Of all passes."""
        return sum(each.exponentials for each in self.passes)

    @property
    def multiply_adds(self) -> float:
        """Of all passes."""
        return sum(each.multiply_adds for each in self.passes)

    def fits(self, device: Device) -> bool:
        """Whether what is kept and the weights do, without gradients on their way and anything else."""
        return self.kept + self.chunk + self.weights <= device.memory

    def seconds(self, device: Device) -> float:
        """The least time, pass after pass."""
        return sum(device.seconds(each.moved, each.exponentials, each.multiply_adds) for each in self.passes)

    def least_seconds(self, device: Device) -> float:
        """The least time if caches were ideal and everything ran side by side."""
        return device.seconds(self.least_moved, self.exponentials, self.multiply_adds)


@dataclass(frozen=True)
class Account:
    """A table of counted figures.

    Args:
        case: Which.
        title: The line above the table.
        columns: What is counted.
        rows: The figures by the name of their row.
        marked: Rows and columns in brackets.
    """

    case: str
    title: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[float]]
    marked: frozenset[tuple[str, str]] = frozenset()

    def table(self) -> Table:
        """All figures, three digits of each, or all before the point."""
        made = plain_table(["", *self.columns])
        for name, figures in self.rows.items():
            cells = zip(self.columns, map(_short, figures), strict=True)
            made.add_row(name, *(f"({cell})" if (name, column) in self.marked else cell for column, cell in cells))
        return made

    def missed(self) -> list[str]:
        """Nothing is promised."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """The account as JSON data, with all digits."""
        facts = {"benchmark": "paper", "case": self.case, "title": self.title, "columns": list(self.columns)}
        return {**facts, "rows": dict(self.rows), "marked": sorted(self.marked), "missed": self.missed()}


def _short(figure: float) -> str:
    if isinstance(figure, int):
        return f"{figure:,}"
    return f"{figure:,.{0 if figure >= 100 else 1 if figure >= 10 else 2}f}" if figure else "0"


def count_step(form: Callable[[Layer], Form], model: str, space: str, batch: int) -> Step:
    """Adds up all layers of a supernet of LocalVim, and what is before and after them."""
    spec, names = MODELS.get(model), SEARCH_SPACES.get(space).candidates
    layers = layers_of(spec, names, SHAPE, batch)
    forms = [form(layer) for layer in layers]
    parameters = spec.parameters([names] * len(layers), SHAPE, supernet=True)
    images = batch * SHAPE.channels * SHAPE.height * SHAPE.width
    outer = images + layers[-1].narrow + layers[-1].rows  # the images, and what the last norm keeps
    passes = [each for found in forms for each in found.passes] + ends(images, layers[0], parameters)
    kept = outer + sum(sum(found.kept.values()) for found in forms)
    chunk, chunks = max(found.chunk for found in forms), sum(found.chunks for found in forms)
    what = f"{len(layers)} blocks of {len(names)} directions, batch {batch}"
    return Step(passes, BYTES * kept, BYTES * chunk, chunks, parameters, what)


def counted(case: str, model: str, space: str, batch: int) -> list[Account]:
    """Memory and work of a step in every form, its least time, and that of a whole search."""
    steps = {name: count_step(form, model, space, batch) for name, form in FORMS.items()}
    return [_work(case, steps), _images(case, batch, steps), _times(case, batch, steps)]


def _titled(case: str, steps: Mapping[str, Step], rest: str) -> str:
    return f"paper {case}: {next(iter(steps.values())).what}: {rest}"


def _work(case: str, steps: Mapping[str, Step]) -> Account:
    rows = {
        name: [*(size / 1e9 for size in (s.kept, s.chunk, s.weights, s.moved, s.least_moved)),
               s.exponentials / 1e9, s.multiply_adds / 1e12]
        for name, s in steps.items()
    }  # fmt: skip
    title = _titled(case, steps, "a step on one GPU, in GB, 10^9 exponentials and 10^12 multiply-adds")
    columns = ("kept", "chunk", "weights", "moved", "least", "exp", "mul-adds")
    return Account(f"{case} step", title, columns, rows)


def _images(case: str, batch: int, steps: Mapping[str, Step]) -> Account:
    sizes = sorted({STATED, *(device.memory for device in DEVICES)})
    rows = {name: [int((size - s.weights) * batch / (s.kept + s.chunk)) for size in sizes] for name, s in steps.items()}
    title = _titled(case, steps, "images of one GPU whose kept tensors fit beside the weights")
    return Account(f"{case} images", title, [f"{size / 1e9:.0f} GB" for size in sizes], rows)


def _times(case: str, batch: int, steps: Mapping[str, Step]) -> Account:
    columns = [f"{device.name.split()[0]} {unit}" for unit in ("ms", "h") for device in DEVICES]
    hours = IMAGES * EPOCHS / (batch * GPUS) / 3600
    rows: dict[str, list[float]] = {}
    marked = set[tuple[str, str]]()
    for name, s in steps.items():
        for row, least in ((name, s.seconds), (f"{name}: ideal caches", s.least_seconds)):
            found = [least(device) for device in DEVICES]
            rows[row] = [1e3 * each for each in found] + [hours * each for each in found]
            fits = [s.fits(device) for device in DEVICES] * 2
            marked |= {(row, column) for column, fit in zip(columns, fits, strict=True) if not fit}
    rest = f"least ms of a step, and hours of {EPOCHS} epochs of ImageNet-1K on {GPUS} GPUs (in brackets: does not fit)"
    title = _titled(case, steps, rest)
    return Account(f"{case} time", title, columns, rows, frozenset(marked))


def passes(name: str, model: str, space: str, batch: int) -> Account:
    """The passes of one layer, a direction: in tensors (B, L, D), and for each of its elements."""
    layer = layers_of(MODELS.get(model), SEARCH_SPACES.get(space).candidates, SHAPE, batch)[0]
    each = layer.directions * layer.plane
    found = [p for p in FORMS[name](layer).passes if p.moved]
    rows = {p.name: [p.read / each, p.written / each, p.exponentials / each, p.multiply_adds / each] for p in found}
    rows["together"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    title = (
        f"paper passes: {name}, one layer, for each of {layer.directions} directions: tensors (B, L, D) of "
        f"{BYTES * layer.plane / 1e6:.1f} MB read and written, and arithmetic for each element of one"
    )
    return Account(f"passes, {name}", title, ["read", "written", "exp", "mul-adds"], rows)


def run() -> list[Account]:
    """All accounts."""
    search, limit = ("local_vim_search", "default8", 128), ("local_vim_search", "wide128", 64)
    return [
        *counted("search", *search),
        *counted("limit", *limit),
        *(passes(name, *search) for name in ("published code", "ours, keep")),
    ]
