"""A kernel as an operator of torch: what compiles, exports, traces or transforms a network sees one call that it knows.

An operator ``scansearch::X`` has a forward and a backward kernel, shapes for tensors without data, and a derivative. In plain
eager mode an autograd function stands around it, because that costs less than a registered derivative and because it may hand
an argument through; ``torch.func`` takes autograd functions alone, in a form of its own. All of them run the same two kernels.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import Function

from scansearch.ops.derivative import first_derivative_only, refuse, refuse_second_derivative

LIBRARY = torch.library.Library("scansearch", "FRAGMENT")


def recorded() -> bool:
    """Whether calls are recorded by torch.compile, torch.export or torch.jit.trace, rather than only made."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def transformed() -> bool:
    """Whether a transform of torch.func is at work, as ``grad`` or ``vmap``."""
    return torch._C._are_functorch_transforms_active()


def needs_gradient(*tensors: torch.Tensor) -> bool:
    """Whether a backward pass may follow; in a trace, and inside a transform of torch.func, nobody can know."""
    return (
        torch.jit.is_tracing()
        or transformed()
        or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))
    )


class Operator:
    """Calls the kernel; gives its outputs, without what is kept for the backward pass.

    ``home`` is a module with ``forward(*arguments)`` and ``backward(*gradients, *arguments, *kept)``, on tensors with data. It is
    imported when it is first needed. Results are contiguous and share no memory with arguments. A gradient that comes in
    is None where nothing flows.

    Args:
        name: The operator is ``scansearch::name``, its backward pass ``scansearch::name_backward``.
        arguments: Their types and names as in a schema of torch; tensors with a gradient, other tensors, others.
        fake: ``fake(*arguments)`` gives empty tensors of the shapes of all results.
        home: Dotted name of the module.
        gradients: How many of the arguments have a gradient.
        outputs: How many results there are.
        kept: How many more the backward pass needs.
        through: Eager mode also hands the first argument through, as the first output; then ``backward`` gets its gradient
            first and adds it to what it finds.
        key: Whose tensors ``home`` computes with, as a dispatch key of torch.
    """

    def __init__(
        self,
        name: str,
        arguments: str,
        fake: Callable[..., Any],
        home: str,
        *,
        gradients: int,
        outputs: int = 1,
        kept: int = 0,
        through: bool = False,
        key: str = "CPU",
    ) -> None:
        self.outputs, self.through = outputs, through
        self.tensors = arguments.count("Tensor")
        self.idle = (None,) * (arguments.count(",") + 1 - gradients)
        incoming = "".join(f"Tensor? g{i}, " for i in range(outputs + through))
        extra = "".join(f", Tensor kept{i}" for i in range(kept))
        back = f"{name}_backward"
        _define(name, f"({arguments}) -> {_results(outputs + kept)}", home, "forward", key)
        _define(back, f"({incoming}{arguments}{extra}) -> {_results(gradients)}", home, "backward", key)
        first = outputs + through

        def fake_backward(*given: Any) -> Any:
            found = [tensor.new_empty(tensor.shape) for tensor in given[first : first + gradients]]
            return found[0] if gradients == 1 else tuple(found)

        torch.library.register_fake(f"scansearch::{name}", fake, lib=LIBRARY)
        torch.library.register_fake(f"scansearch::{back}", fake_backward, lib=LIBRARY)
        self.run = getattr(torch.ops.scansearch, name).default
        self.run_backward = getattr(torch.ops.scansearch, back).default
        torch.library.register_autograd(
            f"scansearch::{name}", self._registered_backward, setup_context=self._keep, lib=LIBRARY
        )
        torch.library.register_autograd(f"scansearch::{back}", refuse, lib=LIBRARY)
        self.eager, self.transform = _eager(self), _transform(self)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the kernel on ``arguments``; gives a tensor, or a tuple of them."""
        if not recorded() and not transformed():
            return self.eager.apply(*arguments)
        found = _tuple(self.run(*arguments) if recorded() else self.transform.apply(*arguments))[: self.outputs]
        if self.through:
            return arguments[0], *found
        return found[0] if len(found) == 1 else found

    def _keep(self, ctx: Any, inputs: Sequence[Any], output: Any) -> None:
        kept = _tuple(output)[self.outputs :]
        ctx.mark_non_differentiable(*kept)
        self.save(ctx, inputs, kept)

    def save(self, ctx: Any, inputs: Sequence[Any], kept: Sequence[torch.Tensor]) -> None:
        """Saves for the backward pass what it needs."""
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs[: self.tensors], *kept)
        ctx.rest = inputs[self.tensors :]

    def saved(self, ctx: Any) -> list[Any]:
        """What was saved, in the order in which ``backward`` takes it."""
        tensors = ctx.saved_tensors
        return [*tensors[: self.tensors], *ctx.rest, *tensors[self.tensors :]]

    def _registered_backward(self, ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        refuse_second_derivative()
        incoming = [*([None] if self.through else []), *gradients[: self.outputs]]
        return *_tuple(self.run_backward(*incoming, *self.saved(ctx))), *self.idle


def _define(name: str, schema: str, home: str, attribute: str, key: str) -> None:
    def run(*arguments: Any) -> Any:
        return getattr(importlib.import_module(home), attribute)(*arguments)

    LIBRARY.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
    LIBRARY.impl(name, run, key)


def _results(count: int) -> str:
    return "Tensor" if count == 1 else f"({', '.join(['Tensor'] * count)})"


def _tuple(values: Any) -> tuple[Any, ...]:
    return values if isinstance(values, tuple) else (values,)


def _eager(operator: Operator) -> type[Function]:
    class Eager(Function):
        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Any:
            with torch._C._AutoDispatchBelowAutograd():
                results = _tuple(operator.run(*arguments))
            operator.save(ctx, arguments, results[operator.outputs :])
            results = results[: operator.outputs]
            if operator.through:
                results = (arguments[0].view_as(arguments[0]), *results)
            return results[0] if len(results) == 1 else results

        @staticmethod
        @first_derivative_only
        def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
            with torch._C._AutoDispatchBelowAutograd():
                found = operator.run_backward(*gradients, *operator.saved(ctx))
            return *_tuple(found), *operator.idle

    return Eager


def _transform(operator: Operator) -> type[Function]:
    class Transform(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*arguments: Any) -> Any:
            return operator.run(*arguments)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            operator._keep(ctx, inputs, output)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
            incoming = [*([None] if operator.through else []), *gradients[: operator.outputs]]
            return *_tuple(Backward.apply(*incoming, *operator.saved(ctx))), *operator.idle

    class Backward(Function):
        # torch.func always records the backward pass: that alone asks for no second derivative.
        generate_vmap_rule = True

        @staticmethod
        def forward(*arguments: Any) -> Any:
            return operator.run_backward(*arguments)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            refuse()

    return Transform
