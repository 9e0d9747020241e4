"""The selective scan as an operator ``Scan`` of ONNX, which goes from token to token. Imported where onnxscript is installed."""

from typing import Any

from onnxscript import FLOAT, graph, script
from onnxscript import opset18 as op

OPSET = 18


@script()
def onnx_scan(u: FLOAT, delta: FLOAT, A: FLOAT, B: FLOAT, C: FLOAT, keep: bool) -> tuple[FLOAT, FLOAT]:
    """As ``scan_in_blocks``: u, delta (G, B, L, D), A (G, D, N), B, C (G, B, L, N) to y (G, B, L, D), and nothing kept."""

    @graph()
    def step(state, u_t, delta_t, B_t, C_t):  # type: ignore[no-untyped-def]
        decay = op.Exp(op.Unsqueeze(delta_t, [-1]) * op.Unsqueeze(A, [1]))  # (G, B, D, N)
        moved = decay * state + op.Unsqueeze(delta_t * u_t, [-1]) * op.Unsqueeze(B_t, [2])
        y_t = op.Squeeze(op.MatMul(moved, op.Unsqueeze(C_t, [-1])), [-1])
        return moved, y_t

    groups_and_batch = op.Shape(u, start=0, end=2)
    channels_and_states = op.Shape(A, start=1, end=3)
    state = op.Expand(
        op.CastLike(op.Constant(value_float=0.0), u), op.Concat(groups_and_batch, channels_and_states, axis=0)
    )
    _, y = op.Scan(
        state, u, delta, B, C, body=step, num_scan_inputs=4, scan_input_axes=[2, 2, 2, 2], scan_output_axes=[2]
    )
    return y, op.ConstantOfShape(op.Constant(value_ints=[0]))


def translations(operator: Any) -> dict[Any, Any]:
    """What ``torch.onnx.export`` must be told of the operator of the scan."""
    return {operator: onnx_scan}
