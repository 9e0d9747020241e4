"""Elementary functions of vectors, accurate to a few units in the last place of float32; NaN stays NaN."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from scansearch.ops.backends.cpu.simd import call, constant, fused
from scansearch.ops.backends.cpu.vectors import INT32

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453

# 2**f = 1 + f * (c0 + c1 f + ...) on [-1/2, 1/2], least maximal relative error: 1.1e-7. The 1 is exact on purpose: the
# scan multiplies hundreds of these, and an error that does not vanish with f would grow with the length.
_EXP2 = (0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149)

# Adding 1.5 * 2**23 rounds a float to an integer and leaves that integer in its lowest bits.
_ROUND = 12582912.0


def _bits(x: ir.Value) -> ir.VectorType:
    return ir.VectorType(INT32, x.type.count)


def _clamp(builder: ir.IRBuilder, x: ir.Value, low: float, high: float) -> ir.Value:
    # The order of the operands matters: a comparison with NaN is false, and then x itself must come out.
    lowest, highest = constant(x.type, low), constant(x.type, high)
    x = builder.select(builder.fcmp_ordered("<", x, lowest), lowest, x)
    return builder.select(builder.fcmp_ordered(">", x, highest), highest, x)


def _exp2(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    # 2**x = 2**n * 2**f with n the nearest integer; 2**n goes into the exponent by an integer addition. Results under
    # 2**-126 would be denormal, so they stop there; 2**128 is infinity.
    x = _clamp(builder, x, -126.0, 128.0)
    rounded = builder.fadd(x, constant(x.type, _ROUND))
    f = builder.fsub(x, builder.fsub(rounded, constant(x.type, _ROUND)))
    p = constant(x.type, _EXP2[-1])
    for coefficient in (*_EXP2[-2::-1], 1.0):
        p = fused(builder, p, f, constant(x.type, coefficient))
    exponent = builder.shl(builder.bitcast(rounded, _bits(x)), ir.Constant(_bits(x), [23] * x.type.count))
    return builder.bitcast(builder.add(builder.bitcast(p, _bits(x)), exponent), x.type)


def _exp_minus_abs(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    magnitude = call(builder, f"llvm.fabs.v{x.type.count}f32", x.type, x)
    return _exp2(builder, builder.fmul(magnitude, constant(x.type, -LOG2_E)))


def _log1p(builder: ir.IRBuilder, z: ir.Value) -> ir.Value:
    # For z in [0, 1]: 2 artanh(q), q = z / (z + 2) <= 1/3, by its series up to q**11 (error 1e-7).
    q = builder.fdiv(z, builder.fadd(z, constant(z.type, 2.0)))
    square = builder.fmul(q, q)
    series = constant(z.type, 1 / 11)
    for denominator in (9, 7, 5, 3, 1):
        series = fused(builder, series, square, constant(z.type, 1 / denominator))
    return builder.fmul(builder.fadd(q, q), series)


def _softplus(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    zero = constant(x.type, 0.0)
    positive = builder.select(builder.fcmp_ordered("<", x, zero), zero, x)
    return builder.fadd(positive, _log1p(builder, _exp_minus_abs(builder, x)))


def _sigmoid(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    z = _exp_minus_abs(builder, x)
    reciprocal = builder.fdiv(constant(x.type, 1.0), builder.fadd(constant(x.type, 1.0), z))
    return builder.select(builder.fcmp_ordered("<", x, constant(x.type, 0.0)), builder.fmul(z, reciprocal), reciprocal)


@intrinsic
def exp2(typing: Any, x: Any) -> Any:
    """``2 ** x``; 2**-126 for anything smaller, infinity from 128."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _exp2(builder, args[0])

    return x(x), generate


@intrinsic
def softplus(typing: Any, x: Any) -> Any:
    """``log(1 + exp(x))``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _softplus(builder, args[0])

    return x(x), generate


@intrinsic
def sigmoid(typing: Any, x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _sigmoid(builder, args[0])

    return x(x), generate
