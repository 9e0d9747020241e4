"""Kernels of the backend ``cpu``: float32, numba with explicit vectors.

Lanes are channels, so the scan needs no sums across a vector except for the gradients of B and C. The work is cut into panels
(one group of one sample), and a panel's channels into blocks of ``W``; every panel writes only its own memory, so that a
result is the same bit for bit for any number of threads.

The vector type and the kernels share this file because numba's cache on disk looks at no other.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

W = 16
"""Channels in a vector. Wider than a register on purpose: several independent chains hide latency."""
CHUNK = 32
"""Steps whose states are kept at once; the backward pass computes them again from the state at the chunk's start."""
STATES = 4
"""States that advance together in registers; N is filled up to a multiple with zeros."""
TAPS = 4
LN2 = np.float32(0.6931471805599453)
LOG2E = 1.4426950408889634

FLOAT, INT = ir.FloatType(), ir.IntType(32)
VECTOR, INT_VECTOR = ir.VectorType(FLOAT, W), ir.VectorType(INT, W)
FLAGS = ("contract", "nsz", "arcp")


class _VectorType(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"f32x{W}")


vector = _VectorType()


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(VECTOR, [float(value)] * W)


def _splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(INT, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(INT_VECTOR, [0] * W))


def _address(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    return builder.gep(data, [context.cast(builder, args[1], signature.args[1], types.intp)])


def _call(builder: ir.IRBuilder, name: str, args: list[ir.Value], returns: ir.Type = VECTOR) -> ir.Value:
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(returns, [a.type for a in args]), name)
    return builder.call(function, args)


def _multiply_add(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    # fmuladd, unlike fma, never becomes a library call on a processor without the instruction.
    return _call(builder, f"llvm.fmuladd.v{W}f32", [x, y, z])


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """W floats of a flat array from ``at`` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(_address(context, builder, signature, args), VECTOR.as_pointer())
        return builder.load(pointer, align=4)

    return vector(array, at), generate


@intrinsic
def store(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Writes W floats to a flat array from ``at`` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(_address(context, builder, signature, args), VECTOR.as_pointer())
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, at, vector), generate


@intrinsic
def spread(typing: Any, array: Any, at: Any) -> Any:
    """One float of a flat array in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, builder.load(_address(context, builder, signature, args)))

    return vector(array, at), generate


@intrinsic
def fill(typing: Any, value: Any) -> Any:
    """A number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, context.cast(builder, args[0], signature.args[0], types.float32))

    return vector(value), generate


def _binary(operation: str) -> Any:
    @intrinsic
    def apply(typing: Any, x: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, operation)(args[0], args[1], flags=FLAGS)

        return vector(vector, vector), generate

    return apply


add, subtract, multiply = _binary("fadd"), _binary("fsub"), _binary("fmul")


@intrinsic
def multiply_add(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """X * y + z."""
    return vector(vector, vector, vector), lambda context, builder, signature, args: _multiply_add(builder, *args)


@intrinsic
def total(typing: Any, x: Any) -> Any:
    """Sum over the lanes, always in the same order."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # A tree of halves, spelled out: its order must not depend on what the compiler likes.
        value, width = args[0], W
        while width > 1:
            width //= 2
            kind = ir.VectorType(INT, width)
            low = builder.shuffle_vector(value, value, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(value, value, ir.Constant(kind, list(range(width, 2 * width))))
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(INT, 0))

    return types.float32(vector), generate


EXP2 = (1.0, 0.6931471880, 0.2402264923, 0.0555033222, 0.0096182675, 0.0013400432)
"""Minimax polynomial of 2^f on [-1/2, 1/2], relative error 2e-7."""


def _exp2(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    low, high = _constant(-126.0), _constant(126.0)
    x = builder.select(builder.fcmp_unordered(">", x, low), x, low)
    x = builder.select(builder.fcmp_unordered("<", x, high), x, high)
    rounded = builder.fadd(x, _constant(12582912.0))  # 1.5 * 2^23: the integer part lands in the low bits
    fraction = builder.fsub(x, builder.fsub(rounded, _constant(12582912.0)))
    result = _constant(EXP2[5])
    for coefficient in EXP2[4::-1]:
        result = _multiply_add(builder, result, fraction, _constant(coefficient))
    exponent = builder.shl(builder.bitcast(rounded, INT_VECTOR), ir.Constant(INT_VECTOR, [23] * W))
    return builder.bitcast(builder.add(builder.bitcast(result, INT_VECTOR), exponent), VECTOR)


@intrinsic
def exp2(typing: Any, x: Any) -> Any:
    """2^x, for x clamped to [-126, 126]."""
    return vector(vector), lambda context, builder, signature, args: _exp2(builder, args[0])


def _exp_minus_abs(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    return _exp2(builder, builder.fmul(_call(builder, f"llvm.fabs.v{W}f32", [x]), _constant(-LOG2E)))


@intrinsic
def softplus(typing: Any, x: Any) -> Any:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)); log1p(z) = 2 artanh(z / (z + 2)) as a series."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        z = _exp_minus_abs(builder, args[0])
        q = builder.fdiv(z, builder.fadd(z, _constant(2.0)))
        square = builder.fmul(q, q)
        series = _constant(1 / 13)
        for odd in (11, 9, 7, 5, 3, 1):
            series = _multiply_add(builder, series, square, _constant(1 / odd))
        positive = builder.select(builder.fcmp_unordered(">", args[0], _constant(0.0)), args[0], _constant(0.0))
        return builder.fadd(positive, builder.fmul(builder.fmul(_constant(2.0), q), series))

    return vector(vector), generate


@intrinsic
def sigmoid(typing: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        z = _exp_minus_abs(builder, args[0])
        small = builder.fdiv(_constant(1.0), builder.fadd(_constant(1.0), z))
        return builder.select(builder.fcmp_unordered(">=", args[0], _constant(0.0)), small, builder.fmul(z, small))

    return vector(vector), generate


X86 = platform.machine() in {"x86_64", "AMD64"}
FLUSH = (1 << 15) | (1 << 6)  # flush results to zero, read denormals as zero


@intrinsic
def control_word(typing: Any) -> Any:
    """This thread's floating-point control word (0 where there is none to read)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not X86:
            return ir.Constant(INT, 0)
        slot = cgutils.alloca_once(builder, INT)
        pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
        _call(builder, "llvm.x86.sse.stmxcsr", [pointer], ir.VoidType())
        return builder.load(slot)

    return types.int32(), generate


@intrinsic
def set_control_word(typing: Any, word: Any) -> Any:
    """Sets what ``control_word`` reads."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if X86:
            slot = cgutils.alloca_once(builder, INT)
            builder.store(args[0], slot)
            pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
            _call(builder, "llvm.x86.sse.ldmxcsr", [pointer], ir.VoidType())
        return context.get_dummy_value()

    return types.void(types.int32), generate


OPTIONS: dict[str, Any] = {"cache": True, "boundscheck": False, "error_model": "numpy"}


@njit(**OPTIONS)
def _scan_forward_panel(q, sizes, u, delta, a, b, c, d, bias, y, starts, keep, soft):  # type: ignore[no-untyped-def]
    _, batch, length, channels, states = sizes
    group, chunks = q // batch, (length + CHUNK - 1) // CHUNK
    word = control_word()
    set_control_word(word | FLUSH)
    state = np.empty(states * W, np.float32)
    step, drive, out = np.empty(CHUNK * W, np.float32), np.empty(CHUNK * W, np.float32), np.empty(CHUNK * W, np.float32)
    zero = fill(0.0)
    for first in range(0, channels, W):
        row, decays, maps = q * length * channels + first, group * states * channels + first, q * length * states
        offset, skip = load(bias, group * channels + first), load(d, group * channels + first)
        for n in range(states):
            store(state, n * W, zero)
        for k in range(chunks):
            t0 = k * CHUNK
            steps = min(CHUNK, length - t0)
            if keep:
                for n in range(states):
                    store(starts, ((q * chunks + k) * states + n) * channels + first, load(state, n * W))
            for i in range(steps):
                x, s = load(u, row + (t0 + i) * channels), add(load(delta, row + (t0 + i) * channels), offset)
                if soft:
                    s = softplus(s)
                store(step, i * W, s)
                store(drive, i * W, multiply(s, x))
                store(out, i * W, multiply(skip, x))
            for n in range(0, states, STATES):
                at = decays + n * channels
                h0, h1, h2, h3 = (
                    load(state, n * W),
                    load(state, (n + 1) * W),
                    load(state, (n + 2) * W),
                    load(state, (n + 3) * W),
                )
                a0, a1, a2, a3 = (
                    load(a, at),
                    load(a, at + channels),
                    load(a, at + 2 * channels),
                    load(a, at + 3 * channels),
                )
                for i in range(steps):
                    s, x, o, j = load(step, i * W), load(drive, i * W), load(out, i * W), maps + (t0 + i) * states + n
                    h0 = multiply_add(exp2(multiply(s, a0)), h0, multiply(x, spread(b, j)))
                    o = multiply_add(h0, spread(c, j), o)
                    h1 = multiply_add(exp2(multiply(s, a1)), h1, multiply(x, spread(b, j + 1)))
                    o = multiply_add(h1, spread(c, j + 1), o)
                    h2 = multiply_add(exp2(multiply(s, a2)), h2, multiply(x, spread(b, j + 2)))
                    o = multiply_add(h2, spread(c, j + 2), o)
                    h3 = multiply_add(exp2(multiply(s, a3)), h3, multiply(x, spread(b, j + 3)))
                    store(out, i * W, multiply_add(h3, spread(c, j + 3), o))
                store(state, n * W, h0)
                store(state, (n + 1) * W, h1)
                store(state, (n + 2) * W, h2)
                store(state, (n + 3) * W, h3)
            for i in range(steps):
                store(y, row + (t0 + i) * channels, load(out, i * W))
    set_control_word(word)


@njit(**OPTIONS)
def _scan_backward_panel(  # type: ignore[no-untyped-def]
    q, sizes, u, delta, a, b, c, d, bias, starts, dy, du, ddelta, da, db, dc, dd, dbias, soft
):
    _, batch, length, channels, states = sizes
    group, chunks, maps = q // batch, (length + CHUNK - 1) // CHUNK, q * length * states
    word = control_word()
    set_control_word(word | FLUSH)
    rows, wide = CHUNK * W, STATES * W
    before, decay = np.empty((CHUNK + 1) * wide, np.float32), np.empty(CHUNK * wide, np.float32)
    step, drive = np.empty(rows, np.float32), np.empty(rows, np.float32)
    d_drive, d_exponent = np.empty(rows, np.float32), np.empty(rows, np.float32)
    d_state, d_rate = np.empty(states * W, np.float32), np.empty(states * W, np.float32)
    zero = fill(0.0)
    for i in range(maps, maps + length * states):
        db[i] = 0.0
        dc[i] = 0.0
    for first in range(0, channels, W):
        row, decays = q * length * channels + first, group * states * channels + first
        offset, skip = load(bias, group * channels + first), load(d, group * channels + first)
        d_skip, d_offset = zero, zero
        for n in range(states):
            store(d_state, n * W, zero)
            store(d_rate, n * W, zero)
        for k in range(chunks - 1, -1, -1):
            t0 = k * CHUNK
            steps = min(CHUNK, length - t0)
            for i in range(steps):
                s = add(load(delta, row + (t0 + i) * channels), offset)
                if soft:
                    s = softplus(s)
                store(step, i * W, s)
                store(drive, i * W, multiply(s, load(u, row + (t0 + i) * channels)))
                store(d_drive, i * W, zero)
                store(d_exponent, i * W, zero)
            for n in range(0, states, STATES):
                at, kept = decays + n * channels, ((q * chunks + k) * states + n) * channels + first
                a0, a1, a2, a3 = (
                    load(a, at),
                    load(a, at + channels),
                    load(a, at + 2 * channels),
                    load(a, at + 3 * channels),
                )
                h0, h1 = load(starts, kept), load(starts, kept + channels)
                h2, h3 = load(starts, kept + 2 * channels), load(starts, kept + 3 * channels)
                for i in range(steps):
                    s, x, j, p = load(step, i * W), load(drive, i * W), maps + (t0 + i) * states + n, i * wide
                    store(before, p, h0)
                    store(before, p + W, h1)
                    store(before, p + 2 * W, h2)
                    store(before, p + 3 * W, h3)
                    e = exp2(multiply(s, a0))
                    store(decay, p, e)
                    h0 = multiply_add(e, h0, multiply(x, spread(b, j)))
                    e = exp2(multiply(s, a1))
                    store(decay, p + W, e)
                    h1 = multiply_add(e, h1, multiply(x, spread(b, j + 1)))
                    e = exp2(multiply(s, a2))
                    store(decay, p + 2 * W, e)
                    h2 = multiply_add(e, h2, multiply(x, spread(b, j + 2)))
                    e = exp2(multiply(s, a3))
                    store(decay, p + 3 * W, e)
                    h3 = multiply_add(e, h3, multiply(x, spread(b, j + 3)))
                m = n * W
                g0, g1, g2, g3 = (
                    load(d_state, m),
                    load(d_state, m + W),
                    load(d_state, m + 2 * W),
                    load(d_state, m + 3 * W),
                )
                r0, r1, r2, r3 = load(d_rate, m), load(d_rate, m + W), load(d_rate, m + 2 * W), load(d_rate, m + 3 * W)
                for i in range(steps - 1, -1, -1):
                    gy, x, s = load(dy, row + (t0 + i) * channels), load(drive, i * W), load(step, i * W)
                    to_drive, to_exponent = load(d_drive, i * W), load(d_exponent, i * W)
                    j, p = maps + (t0 + i) * states + n, i * wide
                    v = multiply_add(gy, spread(c, j), g0)
                    dc[j] += total(multiply(gy, h0))
                    db[j] += total(multiply(v, x))
                    to_drive = multiply_add(v, spread(b, j), to_drive)
                    g0 = multiply(v, load(decay, p))
                    h0 = load(before, p)
                    v = multiply(g0, h0)
                    to_exponent = multiply_add(v, a0, to_exponent)
                    r0 = multiply_add(v, s, r0)
                    v = multiply_add(gy, spread(c, j + 1), g1)
                    dc[j + 1] += total(multiply(gy, h1))
                    db[j + 1] += total(multiply(v, x))
                    to_drive = multiply_add(v, spread(b, j + 1), to_drive)
                    g1 = multiply(v, load(decay, p + W))
                    h1 = load(before, p + W)
                    v = multiply(g1, h1)
                    to_exponent = multiply_add(v, a1, to_exponent)
                    r1 = multiply_add(v, s, r1)
                    v = multiply_add(gy, spread(c, j + 2), g2)
                    dc[j + 2] += total(multiply(gy, h2))
                    db[j + 2] += total(multiply(v, x))
                    to_drive = multiply_add(v, spread(b, j + 2), to_drive)
                    g2 = multiply(v, load(decay, p + 2 * W))
                    h2 = load(before, p + 2 * W)
                    v = multiply(g2, h2)
                    to_exponent = multiply_add(v, a2, to_exponent)
                    r2 = multiply_add(v, s, r2)
                    v = multiply_add(gy, spread(c, j + 3), g3)
                    dc[j + 3] += total(multiply(gy, h3))
                    db[j + 3] += total(multiply(v, x))
                    to_drive = multiply_add(v, spread(b, j + 3), to_drive)
                    g3 = multiply(v, load(decay, p + 3 * W))
                    h3 = load(before, p + 3 * W)
                    v = multiply(g3, h3)
                    to_exponent = multiply_add(v, a3, to_exponent)
                    r3 = multiply_add(v, s, r3)
                    store(d_drive, i * W, to_drive)
                    store(d_exponent, i * W, to_exponent)
                store(d_state, m, g0)
                store(d_state, m + W, g1)
                store(d_state, m + 2 * W, g2)
                store(d_state, m + 3 * W, g3)
                store(d_rate, m, r0)
                store(d_rate, m + W, r1)
                store(d_rate, m + 2 * W, r2)
                store(d_rate, m + 3 * W, r3)
            for i in range(steps):
                j = row + (t0 + i) * channels
                gy, x, v = load(dy, j), load(u, j), load(d_drive, i * W)
                store(du, j, multiply_add(v, load(step, i * W), multiply(skip, gy)))
                # a holds A * log2(e), so its gradient sum comes back with a factor of log(2)
                v = multiply_add(load(d_exponent, i * W), fill(LN2), multiply(v, x))
                if soft:
                    v = multiply(v, sigmoid(add(load(delta, j), offset)))
                store(ddelta, j, v)
                d_offset = add(d_offset, v)
                d_skip = multiply_add(gy, x, d_skip)
        for n in range(states):
            store(da, (q * states + n) * channels + first, load(d_rate, n * W))
        store(dd, q * channels + first, d_skip)
        store(dbias, q * channels + first, d_offset)
    set_control_word(word)


@njit(**OPTIONS)
def _conv_forward_panel(q, sizes, x, order, weight, bias, out):  # type: ignore[no-untyped-def]
    _, batch, tokens, length, channels = sizes
    group, sample, zero = q // batch, q % batch, fill(0.0)
    for first in range(0, channels, W):
        at = group * TAPS * channels + first
        w0, w1 = load(weight, at), load(weight, at + channels)
        w2, w3 = load(weight, at + 2 * channels), load(weight, at + 3 * channels)
        offset = load(bias, group * channels + first)
        x0, x1, x2 = zero, zero, zero
        for t in range(length):
            token = order[group * length + t]
            x3 = zero
            if token >= 0:
                x3 = load(x, (sample * tokens + token) * channels + first)
            p = multiply_add(w3, x3, multiply_add(w2, x2, multiply_add(w1, x1, multiply_add(w0, x0, offset))))
            store(out, (q * length + t) * channels + first, multiply(p, sigmoid(p)))
            x0, x1, x2 = x1, x2, x3


@njit(**OPTIONS)
def _conv_backward_sample(sample, sizes, x, order, weight, bias, dout, dx, dweight, dbias):  # type: ignore[no-untyped-def]
    groups, batch, tokens, length, channels = sizes
    zero, one = fill(0.0), fill(1.0)
    for i in range(sample * tokens * channels, (sample + 1) * tokens * channels, W):
        store(dx, i, zero)
    for group in range(groups):
        q = group * batch + sample
        for first in range(0, channels, W):
            at = group * TAPS * channels + first
            w0, w1 = load(weight, at), load(weight, at + channels)
            w2, w3 = load(weight, at + 2 * channels), load(weight, at + 3 * channels)
            offset = load(bias, group * channels + first)
            x0, x1, x2, a0, a1, a2, a3, ab = zero, zero, zero, zero, zero, zero, zero, zero
            p0, p1, p2 = zero, zero, zero  # what the last three tokens are still owed
            for t in range(length + TAPS - 1):
                dp, x3 = zero, zero
                if t < length:
                    token = order[group * length + t]
                    if token >= 0:
                        x3 = load(x, (sample * tokens + token) * channels + first)
                    p = multiply_add(w3, x3, multiply_add(w2, x2, multiply_add(w1, x1, multiply_add(w0, x0, offset))))
                    s = sigmoid(p)
                    slope = multiply(s, multiply_add(p, subtract(one, s), one))
                    dp = multiply(load(dout, (q * length + t) * channels + first), slope)
                    a0, a1 = multiply_add(dp, x0, a0), multiply_add(dp, x1, a1)
                    a2, a3, ab = multiply_add(dp, x2, a2), multiply_add(dp, x3, a3), add(ab, dp)
                if t >= TAPS - 1:
                    token = order[group * length + t - TAPS + 1]
                    if token >= 0:
                        to = (sample * tokens + token) * channels + first
                        store(dx, to, add(load(dx, to), multiply_add(w0, dp, p0)))
                p0, p1, p2 = multiply_add(w1, dp, p1), multiply_add(w2, dp, p2), multiply(w3, dp)
                x0, x1, x2 = x1, x2, x3
            to = q * TAPS * channels + first
            store(dweight, to, a0)
            store(dweight, to + channels, a1)
            store(dweight, to + 2 * channels, a2)
            store(dweight, to + 3 * channels, a3)
            store(dbias, q * channels + first, ab)


@njit(parallel=True, **OPTIONS)
def scan_forward(sizes, u, delta, a, b, c, d, bias, y, starts, keep, soft):  # type: ignore[no-untyped-def]
    """All panels, on all threads."""
    for q in prange(sizes[0] * sizes[1]):
        _scan_forward_panel(q, sizes, u, delta, a, b, c, d, bias, y, starts, keep, soft)


@njit(**OPTIONS)
def scan_forward_serial(sizes, u, delta, a, b, c, d, bias, y, starts, keep, soft):  # type: ignore[no-untyped-def]
    """All panels, one after the other."""
    for q in range(sizes[0] * sizes[1]):
        _scan_forward_panel(q, sizes, u, delta, a, b, c, d, bias, y, starts, keep, soft)


@njit(parallel=True, **OPTIONS)
def scan_backward(  # type: ignore[no-untyped-def]
    sizes, u, delta, a, b, c, d, bias, starts, dy, du, ddelta, da, db, dc, dd, dbias, soft
):
    """All panels, on all threads; da, dd and dbias come panel by panel."""
    for q in prange(sizes[0] * sizes[1]):
        _scan_backward_panel(q, sizes, u, delta, a, b, c, d, bias, starts, dy, du, ddelta, da, db, dc, dd, dbias, soft)


@njit(**OPTIONS)
def scan_backward_serial(  # type: ignore[no-untyped-def]
    sizes, u, delta, a, b, c, d, bias, starts, dy, du, ddelta, da, db, dc, dd, dbias, soft
):
    """All panels, one after the other."""
    for q in range(sizes[0] * sizes[1]):
        _scan_backward_panel(q, sizes, u, delta, a, b, c, d, bias, starts, dy, du, ddelta, da, db, dc, dd, dbias, soft)


@njit(parallel=True, **OPTIONS)
def conv_forward(sizes, x, order, weight, bias, out):  # type: ignore[no-untyped-def]
    """All panels, on all threads."""
    for q in prange(sizes[0] * sizes[1]):
        _conv_forward_panel(q, sizes, x, order, weight, bias, out)


@njit(**OPTIONS)
def conv_forward_serial(sizes, x, order, weight, bias, out):  # type: ignore[no-untyped-def]
    """All panels, one after the other."""
    for q in range(sizes[0] * sizes[1]):
        _conv_forward_panel(q, sizes, x, order, weight, bias, out)


@njit(parallel=True, **OPTIONS)
def conv_backward(sizes, x, order, weight, bias, dout, dx, dweight, dbias):  # type: ignore[no-untyped-def]
    """All samples, on all threads; a sample's groups add to the same dx one after the other."""
    for sample in prange(sizes[1]):
        _conv_backward_sample(sample, sizes, x, order, weight, bias, dout, dx, dweight, dbias)


@njit(**OPTIONS)
def conv_backward_serial(sizes, x, order, weight, bias, dout, dx, dweight, dbias):  # type: ignore[no-untyped-def]
    """All samples, one after the other."""
    for sample in range(sizes[1]):
        _conv_backward_sample(sample, sizes, x, order, weight, bias, dout, dx, dweight, dbias)
