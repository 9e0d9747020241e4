"""Stopping on the curvature in alpha (RobustDARTS, Zela et al., arXiv 1909.09656, section 4.3).

After each epoch the largest eigenvalue of the Hessian in alpha is measured, of the loss that alpha learns from, over its last
few batches. When the mean over a window has grown by more than 30 %, the search stops, and the alpha of some epochs before is
taken. Published for 50 epochs: measured every 2 epochs, a window of 5 measurements, compared with the one 4 measurements
earlier, for the first time after 23 epochs, and 12 epochs back. Measured every epoch these are 10, 8, 23 and 12 epochs. Other
lengths keep the shares, with windows of at least 3 epochs that are at least 2 apart: one measurement alone is mostly noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scansearch.lazy import torch
from scansearch.runs.restore import a_list, check_keys, check_numbers, check_tensor, described
from scansearch.strategy.gradient.random_state import RandomState

PUBLISHED_EPOCHS = 50
FIRST, WINDOW, APART, BACK = 23, 10, 8, 12
LEAST_WINDOW, LEAST_APART = 3, 2
BATCHES = 4
GROWTH = 1.3
RADIUS = 1e-2
RANK_TOLERANCE = 1e-2
Mean = Callable[[Sequence["torch.Tensor"]], Sequence["torch.Tensor"]]


def largest_eigenvalue(
    alphas: Sequence[torch.Tensor],
    losses: Sequence[Callable[[], torch.Tensor]],
    *,
    tolerance: float = RANK_TOLERANCE,
    mean: Mean = list,
) -> float:
    """Largest eigenvalue of the Hessian of the mean loss in all alphas together, by Lanczos' method.

    The kernels have no second derivatives: products with the Hessian are central differences of gradients, at alpha +- 0.01 v
    for a unit vector v. Alphas are as before on return.

    Args:
        alphas: Architecture parameters; the losses depend on them.
        losses: Each computes the loss of one batch, the same at every call.
        tolerance: Relative accuracy.
        mean: Averages gradients over all processes.

    Returns:
        The eigenvalue; NaN if the method does not converge.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    start = torch.nn.utils.parameters_to_vector(alphas).detach().clone()
    random_state = RandomState()

    def gradient(at: torch.Tensor) -> np.ndarray:
        random_state.restore()  # a loss that draws must draw the same
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(at, alphas)
        total = np.zeros(len(start))
        for loss in losses:
            found = mean(torch.autograd.grad(loss(), alphas))
            total += torch.cat([g.flatten() for g in found]).double().cpu().numpy()
        return total / len(losses)

    def product(vector: np.ndarray) -> np.ndarray:
        norm = float(np.linalg.norm(vector))
        if norm == 0:
            return np.zeros(len(start))
        unit = torch.from_numpy(vector.ravel() / norm).to(start)
        return norm * (gradient(start + RADIUS * unit) - gradient(start - RADIUS * unit)) / (2 * RADIUS)

    try:
        if len(start) < 3:  # too small for Lanczos' method
            matrix = np.stack([product(column) for column in np.eye(len(start))])
            return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
        operator = LinearOperator((len(start), len(start)), matvec=product, dtype=np.float64)
        first = np.random.default_rng(0).standard_normal(len(start))
        if not product(first).any():  # as where no layer has a choice
            return 0.0
        return float(eigsh(operator, k=1, which="LA", v0=first, tol=tolerance, return_eigenvectors=False)[0])
    except ArpackNoConvergence:
        return float("nan")
    finally:
        random_state.restore()
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(start, alphas)


class Curvature:
    """The largest eigenvalue, epoch by epoch; says when it has grown too fast, and remembers alpha to go back to.

    Args:
        epochs: Epochs of the search.
    """

    def __init__(self, epochs: int) -> None:
        share = epochs / PUBLISHED_EPOCHS
        self.window, self.apart = max(LEAST_WINDOW, round(WINDOW * share)), max(LEAST_APART, round(APART * share))
        self.first = max(self.window + self.apart, round(FIRST * share))
        self.back = max(1, round(BACK * share))
        self.values: list[float] = []
        self.alphas: list[list[torch.Tensor]] = []
        self.sharpened = False

    def measure(
        self, alphas: Sequence[torch.Tensor], losses: Sequence[Callable[[], torch.Tensor]], mean: Mean = list
    ) -> None:
        """Called after every epoch; ``losses`` as in ``largest_eigenvalue``."""
        self.values.append(largest_eigenvalue(alphas, losses, mean=mean))
        self.alphas.append([alpha.detach().clone() for alpha in alphas])
        if len(self.values) >= self.first:
            now, before = (
                np.mean(self.values[-self.window :]),
                np.mean(self.values[-self.window - self.apart : -self.apart]),
            )
            self.sharpened = bool(before > 0 and now / before > GROWTH)

    @property
    def earlier(self) -> int:
        """The epoch, from 1, to whose alpha a stopped search goes back."""
        return max(1, len(self.alphas) - self.back)

    def roll_back(self, alphas: Sequence[torch.Tensor]) -> None:
        """Sets alphas to what they were some epochs before."""
        earlier = self.alphas[self.earlier - 1]
        with torch.no_grad():
            for alpha, old in zip(alphas, earlier, strict=True):
                alpha.copy_(old)

    def state_dict(self) -> dict[str, Any]:
        """Everything measured so far: ``values`` float64 (epochs,), and of each alpha what it was, (epochs, ...)."""
        values = torch.tensor(self.values, dtype=torch.float64)
        return {
            "values": values,
            "alphas": [torch.stack(layer) for layer in zip(*self.alphas, strict=True)],
            "sharpened": self.sharpened,
        }

    def load_state_dict(self, state: dict[str, Any], alphas: Sequence[torch.Tensor]) -> None:
        """Takes it back.

        Args:
            state: What ``state_dict`` gave.
            alphas: Architecture parameters, as those that were kept must be.

        Raises:
            ValueError: If the state is not one of such alphas.
        """
        check_keys(state, ["values", "alphas", "sharpened"], "the curvature")
        if not isinstance(values := state["values"], torch.Tensor) or (values.ndim, values.dtype) != (1, torch.float64):
            raise ValueError(f"the curvature's values are {described(values)} and not float64 (epochs,)")
        layers = a_list(state["alphas"], "the curvature's alphas", len(alphas) if len(values) else 0)
        for old, alpha in zip(layers, alphas, strict=False):
            check_tensor(old, alpha.new_empty(len(values), *alpha.shape), "earlier alphas")
            check_numbers(old, "earlier alphas")
        if type(state["sharpened"]) is not bool:
            raise ValueError("the curvature does not say whether it has sharpened")
        self.values, self.sharpened = values.tolist(), state["sharpened"]
        self.alphas = [list(epoch) for epoch in zip(*layers, strict=True)]
