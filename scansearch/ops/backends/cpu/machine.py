"""What the kernels ask of the machine rather than of a vector: work tickets and flushing denormals."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from scansearch.ops.backends.cpu.vectors import INT32, INT64

_X86 = platform.machine() in {"x86_64", "AMD64", "i386", "i686"}

# MXCSR: bit 15 turns denormal results into zero, bit 6 reads denormal operands as zero.
_FLUSH = (1 << 15) | (1 << 6)


@intrinsic
def take_ticket(typing: Any, address: Any) -> Any:
    """Adds 1 to the integer at ``address`` atomically and returns what it was: the number of the next task."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        counter = builder.inttoptr(args[0], INT64.as_pointer())
        return builder.atomic_rmw("add", counter, INT64(1), "monotonic")

    return types.int64(address), generate


@intrinsic
def load_integer(typing: Any, address: Any, k: Any) -> Any:
    """The ``k``-th 64-bit integer from ``address`` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _integer(context, builder, signature, args)

    return types.int64(address, k), generate


@intrinsic
def load_address(typing: Any, address: Any, k: Any) -> Any:
    """The same integer as an address, at which vectors have as many lanes as at ``address``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _integer(context, builder, signature, args)

    return address(address, k), generate


def _integer(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
    integers = builder.inttoptr(args[0], INT64.as_pointer())
    return builder.load(builder.gep(integers, [context.cast(builder, args[1], signature.args[1], types.int64)]))


def _control_word(builder: ir.IRBuilder, name: str, slot: ir.Value) -> None:
    byte = ir.IntType(8).as_pointer()
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [byte]), name)
    builder.call(function, [builder.bitcast(slot, byte)])


@intrinsic
def flush_denormals(typing: Any) -> Any:
    """Makes this thread treat denormals as zero; returns the setting to give back to ``restore_denormals``."""

    # Arithmetic on denormals is 10 to 100 times slower on x86, and decaying states pass through them. The setting belongs
    # to a thread and torch.set_flush_denormal reaches one thread only. Arm processors do not pay this price.
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not _X86:
            return INT32(0)
        slot = cgutils.alloca_once(builder, INT32)
        _control_word(builder, "llvm.x86.sse.stmxcsr", slot)
        before = builder.load(slot)
        builder.store(builder.or_(before, INT32(_FLUSH)), slot)
        _control_word(builder, "llvm.x86.sse.ldmxcsr", slot)
        return before

    return types.int32(), generate


@intrinsic
def restore_denormals(typing: Any, before: Any) -> Any:
    """Undoes ``flush_denormals``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _X86:
            slot = cgutils.alloca_once(builder, INT32)
            builder.store(args[0], slot)
            _control_word(builder, "llvm.x86.sse.ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.int32), generate
