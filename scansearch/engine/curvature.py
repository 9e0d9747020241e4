"""Stopping on the curvature in alpha (RobustDARTS, Zela et al., arXiv 1909.09656, section 4.3).

The largest eigenvalue of the Hessian of the held-out loss in alpha is measured after each epoch of the later part of the
search. When its mean over a window has grown by more than 30 % in four epochs, the search stops, and the alpha of some
epochs before is taken. The published numbers (from epoch 10, window 5, four epochs, 12 epochs back) are for 50 epochs; here
they keep their share of the search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

PUBLISHED_EPOCHS = 50
FIRST, WINDOW, APART, BACK = 10, 5, 4, 12
GROWTH = 1.3
RADIUS = 1e-2
RANK_TOLERANCE = 1e-2
Mean = Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]]


def largest_eigenvalue(
    alphas: Sequence[torch.Tensor],
    loss: Callable[[], torch.Tensor],
    *,
    tolerance: float = RANK_TOLERANCE,
    mean: Mean = list,
) -> float:
    """Largest eigenvalue of the Hessian of ``loss()`` in all alphas together, by Lanczos' method.

    The kernels have no second derivatives: products with the Hessian are central differences of gradients, at alpha +- 0.01 v
    for a unit vector v. Alphas are as before on return.

    Args:
        alphas: Architecture parameters; ``loss`` depends on them.
        loss: Computes the same loss at every call.
        tolerance: Relative accuracy.
        mean: Averages gradients over all processes.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    start = torch.nn.utils.parameters_to_vector(alphas).detach().clone()

    state = torch.get_rng_state()

    def gradient(at: torch.Tensor) -> np.ndarray:
        torch.set_rng_state(state)  # a loss that draws must draw the same
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(at, alphas)
        found = mean(torch.autograd.grad(loss(), alphas))
        return torch.cat([g.flatten() for g in found]).double().cpu().numpy()

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
        return float(eigsh(operator, k=1, which="LA", v0=first, tol=tolerance, return_eigenvectors=False)[0])
    finally:
        torch.set_rng_state(state)
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(start, alphas)


class Curvature:
    """The largest eigenvalue, epoch by epoch; says when it has grown too fast, and remembers alpha to go back to.

    Args:
        epochs: Epochs of the search.
    """

    def __init__(self, epochs: int) -> None:
        share = epochs / PUBLISHED_EPOCHS
        self.first, self.window, self.apart, self.back = (
            max(1, round(n * share)) for n in (FIRST, WINDOW, APART, BACK)
        )
        self.values: list[float] = []
        self.alphas: list[list[torch.Tensor]] = []
        self.sharpened = False

    def measure(self, alphas: Sequence[torch.Tensor], loss: Callable[[], torch.Tensor], mean: Mean = list) -> None:
        """Called after every epoch; ``loss`` as in ``largest_eigenvalue``."""
        self.values.append(largest_eigenvalue(alphas, loss, mean=mean))
        self.alphas.append([alpha.detach().clone() for alpha in alphas])
        if len(self.values) >= self.first + self.window + self.apart:
            now, before = (
                np.mean(self.values[-self.window :]),
                np.mean(self.values[-self.window - self.apart : -self.apart]),
            )
            self.sharpened = bool(before > 0 and now / before > GROWTH)

    def roll_back(self, alphas: Sequence[torch.Tensor]) -> None:
        """Sets alphas to what they were some epochs before."""
        earlier = self.alphas[max(0, len(self.alphas) - 1 - self.back)]
        with torch.no_grad():
            for alpha, old in zip(alphas, earlier, strict=True):
                alpha.copy_(old)

    def state_dict(self) -> dict[str, Any]:
        """Everything measured so far."""
        return {"values": self.values, "alphas": self.alphas, "sharpened": self.sharpened}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes it back."""
        self.values, self.alphas, self.sharpened = state["values"], state["alphas"], state["sharpened"]
