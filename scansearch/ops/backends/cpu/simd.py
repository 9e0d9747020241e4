"""Explicit vectors for numba: the operations that the kernels need on them.

numba vectorises a loop only if LLVM recognises it, and a call to ``exp`` in the loop is enough to prevent that. Here the
kernels say themselves what a vector is. LLVM splits the vectors into whatever registers the processor has, so the same
code runs on AVX-512, AVX2, SSE2 and NEON.

Memory is addressed as ``base``, an address in bytes, and ``i``, a number of floats from there. A narrow vector has a float for
each of its lanes, which are channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from scansearch.ops.backends.cpu.vectors import FLOAT, INT32, Vector

STATES = 4
"""States that a wide vector holds: it has ``STATES`` floats for each lane of a narrow one, lanes innermost."""


def constant(vector: ir.VectorType, value: float) -> ir.Constant:
    """A vector that holds ``value`` in every lane."""
    return ir.Constant(vector, [value] * vector.count)


def _mask(indices: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(INT32, len(indices)), indices)


def shuffle(builder: ir.IRBuilder, x: ir.Value, indices: list[int], y: ir.Value | None = None) -> ir.Value:
    """Lanes ``indices`` of ``x`` followed by ``y``."""
    other = ir.Constant(x.type, ir.Undefined) if y is None else y
    return builder.shuffle_vector(x, other, _mask(indices))


def _splat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> ir.Value:
    empty = ir.Constant(ir.VectorType(FLOAT, lanes), ir.Undefined)
    return shuffle(builder, builder.insert_element(empty, scalar, INT32(0)), [0] * lanes)


def call(builder: ir.IRBuilder, name: str, returns: ir.Type, *args: ir.Value) -> ir.Value:
    """Calls the LLVM intrinsic ``name``."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(returns, [arg.type for arg in args]), name)
    return builder.call(function, args)


def fused(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """``x * y + z``, in one instruction where there is one."""
    # llvm.fmuladd, not llvm.fma: without the instruction, fma is a call into libm for every lane.
    return call(builder, f"llvm.fmuladd.v{x.type.count}f32", x.type, x, y, z)


def _address(builder: ir.IRBuilder, base: ir.Value, i: ir.Value) -> ir.Value:
    return builder.gep(builder.inttoptr(base, FLOAT.as_pointer()), [i])


def _load(builder: ir.IRBuilder, pointer: ir.Value, vector: ir.VectorType) -> ir.Value:
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=4)


def _index(context: Any, builder: ir.IRBuilder, signature: Any, args: Any, k: int) -> ir.Value:
    return context.cast(builder, args[k], signature.args[k], types.intp)


def _loader(states: int) -> Callable[..., Any]:
    @intrinsic
    def load(typing: Any, base: Any, i: Any) -> Any:
        vector = Vector(states * base.lanes)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            index = _index(context, builder, signature, args, 1)
            pointer = _address(builder, args[0], index)
            return _load(builder, pointer, vector.llvm)

        return vector(base, i), generate

    return load


load, load_wide = _loader(1), _loader(STATES)


@intrinsic
def store(typing: Any, base: Any, i: Any, x: Any) -> Any:
    """Writes the vector ``x`` at ``base[i:]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = _index(context, builder, signature, args, 1)
        pointer = _address(builder, args[0], index)
        builder.store(args[2], builder.bitcast(pointer, args[2].type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(base, i, x), generate


@intrinsic
def load_scalar(typing: Any, base: Any, i: Any) -> Any:
    """The float ``base[i]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = _index(context, builder, signature, args, 1)
        return builder.load(_address(builder, args[0], index), align=4)

    return types.float32(base, i), generate


@intrinsic
def store_scalar(typing: Any, base: Any, i: Any, x: Any) -> Any:
    """Writes the float ``x`` at ``base[i]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = _index(context, builder, signature, args, 1)
        builder.store(args[2], _address(builder, args[0], index), align=4)
        return context.get_dummy_value()

    return types.void(base, i, types.float32), generate


@intrinsic
def load_spread(typing: Any, base: Any, i: Any, step: Any) -> Any:
    """Wide: the floats ``base[i + s * step]``, s = 0..STATES-1, each in all lanes of its state."""
    lanes = base.lanes

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index, step = (_index(context, builder, signature, args, k) for k in (1, 2))
        parts = []
        for _ in range(STATES):
            pointer = _address(builder, args[0], index)
            parts.append(_splat(builder, builder.load(pointer, align=4), lanes))
            index = builder.add(index, step)
        return _concatenate(builder, parts)

    return Vector(STATES * lanes)(base, i, step), generate


def _concatenate(builder: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    while len(parts) > 1:
        lanes = list(range(2 * parts[0].type.count))
        parts = [shuffle(builder, parts[k], lanes, parts[k + 1]) for k in range(0, len(parts), 2)]
    return parts[0]


def _part(builder: ir.IRBuilder, x: ir.Value, state: int) -> ir.Value:
    lanes = x.type.count // STATES
    return shuffle(builder, x, list(range(state * lanes, (state + 1) * lanes)))


@intrinsic
def lanes_at(typing: Any, base: Any) -> Any:
    """Lanes of the narrow vectors at ``base``; known when a kernel is compiled."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, base.lanes)

    return types.intp(base), generate


@intrinsic
def memory_like(typing: Any, base: Any, address: Any) -> Any:
    """The integer ``address``, as the address of vectors like those at ``base``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return args[1]

    return base(base, types.uintp), generate


@intrinsic
def fill(typing: Any, base: Any, value: Any) -> Any:
    """Narrow, as the vectors at ``base``: ``value`` in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = context.cast(builder, args[1], signature.args[1], types.float32)
        return _splat(builder, scalar, base.lanes)

    return Vector(base.lanes)(base, value), generate


@intrinsic
def spread(typing: Any, x: Any) -> Any:
    """Wide: the narrow ``x`` once for every state."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return shuffle(builder, args[0], list(range(x.lanes)) * STATES)

    return Vector(STATES * x.lanes)(x), generate


def _binary(operation: str) -> Callable[..., Any]:
    @intrinsic
    def apply(typing: Any, x: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, operation)(args[0], args[1])

        return x(x, x), generate

    return apply


add, subtract, multiply = _binary("fadd"), _binary("fsub"), _binary("fmul")


@intrinsic
def fma(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """``x * y + z``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fused(builder, *args)

    return z(x, y, z), generate


@intrinsic
def fma_states(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """Narrow: the wide ``x * y`` summed over states, plus the narrow ``z``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total = args[2]
        for state in range(STATES):
            total = fused(builder, _part(builder, args[0], state), _part(builder, args[1], state), total)
        return total

    return z(x, y, z), generate


@intrinsic
def sum_lanes(typing: Any, x: Any, y: Any) -> Any:
    """The sums over lanes of each state of ``x``, then of each state of ``y``: ``2 * STATES`` floats."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [_part(builder, value, state) for value in args for state in range(STATES)]
        while parts[0].type.count > len(parts):
            half = parts[0].type.count // 2
            low, high = list(range(half)), list(range(half, 2 * half))
            parts = [builder.fadd(shuffle(builder, p, low), shuffle(builder, p, high)) for p in parts]
        return _sum_jointly(builder, parts)

    return Vector(2 * STATES)(x, y), generate


@intrinsic
def sum_narrow(typing: Any, x: Any) -> Any:
    """The sum over the lanes of a narrow vector."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        part = args[0]
        while part.type.count > 1:
            half = part.type.count // 2
            low, high = list(range(half)), list(range(half, 2 * half))
            part = builder.fadd(shuffle(builder, part, low), shuffle(builder, part, high))
        return builder.extract_element(part, INT32(0))

    return types.float32(x), generate


def _sum_jointly(builder: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    # n vectors of n lanes become one vector of their n sums. A round merges pairs, x into the lanes without the bit
    # `stride` and y into those with it, so each round costs half of the one before; n separate sums cost n full ones.
    lanes, stride = len(parts), len(parts) // 2
    while stride:
        low = [k if not k & stride else lanes + k - stride for k in range(lanes)]
        high = [k + stride if not k & stride else lanes + k for k in range(lanes)]
        pairs = zip(parts[:stride], parts[stride:], strict=True)
        parts = [builder.fadd(shuffle(builder, x, low, y), shuffle(builder, x, high, y)) for x, y in pairs]
        stride //= 2
    return parts[0]


@intrinsic
def add_sums(typing: Any, base: Any, i: Any, x: Any) -> Any:
    """Adds the vector ``x`` to the floats at ``base[i:]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _address(builder, args[0], _index(context, builder, signature, args, 1))
        total = builder.fadd(_load(builder, pointer, args[2].type), args[2])
        builder.store(total, builder.bitcast(pointer, total.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(base, i, x), generate
