"""Times networks of a model as they are derived from genotypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.models import ImageShape, ModelSpec

RUNS = 3


class Stopwatch:
    """Builds the network of a genotype, runs it four times and returns the milliseconds of the fastest but for the first.

    The first run compiles, allocates and warms the caches; of the others, those that another program interrupts do not
    count. A network is built anew for each measurement and not kept: a wide space has hundreds of them.

    Args:
        spec: The model.
        shape: The images and the classes.
        batch_size: Images in the batch.
        device: Where to run.
        training: Time the forward and the backward pass in training mode; otherwise the forward pass alone.
        clock: Seconds; tests give their own.
    """

    def __init__(
        self,
        spec: ModelSpec,
        shape: ImageShape,
        *,
        batch_size: int,
        device: torch.device,
        training: bool = False,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.spec, self.shape, self.device, self.training, self.clock = spec, shape, device, training, clock
        self.images = torch.randn(batch_size, shape.channels, *shape.size, device=device)
        each = shape.size if shape.dense else ()
        self.targets = torch.randint(shape.classes, (batch_size, *each), device=device)

    def __call__(self, directions: Sequence[Sequence[str]]) -> float:
        """Milliseconds of one batch in the network that runs ``directions``."""
        with self.device:
            network = self.spec.network(directions, self.shape)
        network.to(self.device).train(self.training)
        self._seconds(network)
        return 1e3 * min(self._seconds(network) for _ in range(RUNS))

    def describe(self) -> str:
        """What is timed and where, in one line."""
        from scansearch.machine.environment import processor
        from scansearch.ops import resolve_backend

        what = "forward and backward pass" if self.training else "forward pass"
        gpu = self.device.type == "cuda"
        where = torch.cuda.get_device_name(self.device) if gpu else f"{processor()} ({torch.get_num_threads()} threads)"
        scan = resolve_backend(getattr(self.spec.options, "scan_backend", "auto"), self.images)
        return f"{what} of {len(self.images)} images, float32, {where}, scan backend {scan}, torch {torch.__version__}"

    def _seconds(self, network: nn.Module) -> float:
        network.zero_grad(set_to_none=True)
        self._wait()
        start = self.clock()
        with torch.set_grad_enabled(self.training):
            logits = network(self.images)
            if self.training:
                F.cross_entropy(logits, self.targets).backward()
        self._wait()
        return self.clock() - start

    def _wait(self) -> None:
        if self.device.type != "cpu":  # a GPU works behind the caller's back
            torch.accelerator.synchronize(self.device)


def find_device(name: str) -> torch.device:
    """The device of this name; ``auto`` is the GPU if there is one.

    Raises:
        ScansearchError: If there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:  # its message lists devices that nobody has
        raise ScansearchError(f"device must be auto, cpu, or a GPU such as cuda or cuda:1, but got {name!r}") from error
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".").lower()
        raise ScansearchError(f"device {name!r} does not work here ({reason}); use --device cpu") from error
    return device
