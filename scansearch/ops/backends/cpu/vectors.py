"""Two types of numba's: a vector, and an address at which vectors lie.

Kernels hand addresses around and never arrays: numba counts references to an array, atomically, in every function that takes
one. The type of an address says how many lanes the vectors at it have: so one kernel is compiled for as many lanes as its
caller has use for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import lower_builtin, models, register_model, type_callable

FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)


class Vector(types.Type):
    """The numba type of an LLVM vector of ``lanes`` floats."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(name=f"float32x{lanes}")

    @property
    def llvm(self) -> ir.VectorType:
        """The vector's LLVM type."""
        return ir.VectorType(FLOAT, self.lanes)


class Address(types.Type):
    """The numba type of an address in bytes, at which a vector of channels has ``lanes`` floats."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(name=f"address_of_float32x{lanes}")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, fe_type.llvm)


@register_model(Address)
class _AddressModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Address) -> None:
        super().__init__(dmm, fe_type, INT64)


@type_callable(operator.add)
def _type_of_sum(context: Any) -> Callable[..., Any]:
    def type_of(address: Any, count: Any) -> Any:
        return address if isinstance(address, Address) and isinstance(count, types.Integer) else None

    return type_of


@lower_builtin(operator.add, Address, types.Integer)
def _add_bytes(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
    return builder.add(args[0], context.cast(builder, args[1], signature.args[1], types.int64))
