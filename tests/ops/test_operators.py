"""Every kernel is an operator of torch, whatever compiles, exports, traces or transforms what is around it."""

import subprocess
import sys

import pytest
import torch
from torch.library import opcheck

from scansearch.errors import ScansearchError
from scansearch.ops import mixture, norm_reduce, reorder_conv_silu, restore_gate, restore_order, weigh, weighed_mixture
from scansearch.ops import selective_scan_grouped as scan
from scansearch.ops.backends.cpu.operators import ALL as CPU_OPERATORS
from scansearch.ops.backends.cpu.operators import CONV, GATE, MIXTURE, NORM_REDUCE, SCAN, WEIGH, WEIGHED_MIXTURE
from scansearch.ops.backends.torch import STEPS

ALL = (*CPU_OPERATORS, STEPS)
G, B, L, D, N = 2, 3, 70, 20, 5
"""More than two chunks of the scan, and neither whole vectors of channels nor whole groups of states."""
ORDER = torch.stack([torch.randperm(L, generator=torch.Generator().manual_seed(g)) for g in range(G)])
INVERSE = ORDER.argsort(1)
PANEL, MAPS = (G, B, L, D), (G, B, L, N)
ARGUMENTS = {
    SCAN: ([PANEL, PANEL, (G, D, N), MAPS, MAPS, (G, D), (G, D)], [True, True]),
    STEPS: ([PANEL, PANEL, (G, D, N), MAPS, MAPS], [True]),
    CONV: ([(B, L, D), (G, D, 3), (G, D)], [ORDER]),
    GATE: ([PANEL, (B, L, D)], [INVERSE]),
    NORM_REDUCE: ([PANEL, (2, D)], []),
    WEIGH: ([PANEL, (G, B, D), (G, B, L)], []),
    MIXTURE: ([PANEL, (G,)], []),
    WEIGHED_MIXTURE: ([PANEL, (G, B, D), (G, B, L), (G,)], []),
}
PUBLIC = {
    "scan": (scan, ARGUMENTS[SCAN][0][:5]),
    "steps": (lambda *t: scan(*t, backend="torch"), ARGUMENTS[STEPS][0]),
    "conv": (lambda x, w, b: reorder_conv_silu(x, ORDER, w, b), ARGUMENTS[CONV][0]),
    "gate": (lambda y, z: restore_gate(y, z, ORDER, INVERSE), ARGUMENTS[GATE][0]),
    "order": (lambda y: restore_order(y, ORDER, INVERSE), [PANEL]),
    "reduce": (lambda x, w: torch.cat([t.flatten(2) for t in norm_reduce(x, w)], 2), ARGUMENTS[NORM_REDUCE][0]),
    "weigh": (weigh, ARGUMENTS[WEIGH][0]),
    "mixture": (mixture, ARGUMENTS[MIXTURE][0]),
    "weighed_mixture": (weighed_mixture, ARGUMENTS[WEIGHED_MIXTURE][0]),
}
BY_NAME = pytest.mark.parametrize("name", PUBLIC)


def tensors(shapes, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]
    if len(drawn) > 4:  # a scan: positive step sizes, negative rates
        drawn[1], drawn[2] = drawn[1].abs(), -drawn[2].abs()
    return drawn


def leaves(name, dtype=torch.float32):
    return [t.requires_grad_() for t in tensors(PUBLIC[name][1], dtype)]


def gradients(operation, given):
    value = operation(*given)
    return [value, *torch.autograd.grad(value.square().sum(), given)]


def arguments(operator):
    shapes, others = ARGUMENTS[operator]
    return [*[t.requires_grad_() for t in tensors(shapes)], *others]


@pytest.mark.parametrize(
    "tests",
    [
        ("test_schema", "test_autograd_registration", "test_faketensor"),
        pytest.param(("test_aot_dispatch_dynamic",), marks=pytest.mark.slow),
    ],
    ids=["quick", "dynamic shapes"],
)
@pytest.mark.parametrize("operator", ALL, ids=lambda operator: operator.run._schema.name)
def test_opcheck(operator, tests):
    given = arguments(operator)
    opcheck(operator.run, given, test_utils=tests)
    with torch.no_grad():
        results = operator.run(*given)
        results = list(results) if isinstance(results, tuple) else [results]
    incoming = [torch.randn_like(t) for t in results[: operator.outputs]]
    through = [torch.randn_like(given[0])] if operator.through else []
    plain = [t.detach() if isinstance(t, torch.Tensor) else t for t in given]
    opcheck(operator.run_backward, [*through, *incoming, *plain, *results[operator.outputs :]], test_utils=tests)


def test_every_operator_is_checked():
    assert set(ARGUMENTS) == set(ALL)


@pytest.mark.parametrize("operator", ALL, ids=lambda operator: operator.run._schema.name)
def test_its_registered_derivative_is_that_of_eager_mode(operator):
    given = arguments(operator)
    wanted = [t for t in given if isinstance(t, torch.Tensor) and t.requires_grad]
    results = []
    for call in (operator, operator.run):
        value = call(*given)
        parts = [value] if isinstance(value, torch.Tensor) else [t for t in value if t.requires_grad]
        parts = parts[-operator.outputs :]
        results.append([*parts, *torch.autograd.grad(sum(p.square().sum() for p in parts), wanted)])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("operator", ALL, ids=lambda operator: operator.run._schema.name)
def test_it_has_no_second_derivative(operator):
    given = arguments(operator)
    value = operator.run(*given)
    value = value[0] if isinstance(value, tuple) else value
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(value.sum(), given[:1], create_graph=True)


@pytest.mark.slow
@BY_NAME
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_without_a_break(name, backend):
    operation = PUBLIC[name][0]
    torch._dynamo.reset()
    compiled = torch.compile(operation, fullgraph=True, backend=backend)
    for a, b in zip(gradients(compiled, leaves(name)), gradients(operation, leaves(name)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@BY_NAME
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:`torch.jit:DeprecationWarning")
def test_traced_and_saved(name, tmp_path):
    operation, given = PUBLIC[name][0], leaves(name)
    torch.jit.trace(operation, given).save(str(tmp_path / "traced.pt"))
    loaded = torch.jit.load(str(tmp_path / "traced.pt"))
    for a, b in zip(gradients(loaded, given), gradients(operation, given), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@BY_NAME
def test_under_torch_func(name):
    operation, given = PUBLIC[name][0], leaves(name)
    plain = [t.detach() for t in given]
    places = tuple(range(len(plain)))
    found = torch.func.grad(lambda *t: operation(*t).square().sum(), argnums=places)(*plain)
    for a, b in zip(found, gradients(operation, given)[1:], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@BY_NAME
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_vmap_runs_one_by_one(name):
    operation, (first, *others) = PUBLIC[name][0], tensors(PUBLIC[name][1])
    several = torch.stack([first, first.flip(1), first.flip(0)])

    def slope(x):
        return torch.func.grad(lambda x: operation(x, *others).square().sum())(x)

    for function in (lambda x: operation(x, *others), slope):
        want = torch.stack([function(x) for x in several])
        torch.testing.assert_close(torch.func.vmap(function)(several), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "order"])
def test_torch_func_is_refused_a_second_derivative_only(name):
    operation, (first, *others) = PUBLIC[name][0], tensors(PUBLIC[name][1])

    def penalty(x):
        slope = torch.func.grad(lambda x: operation(x, *others).sum())(x)
        return slope.square().sum() + x.sum()

    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.func.grad(penalty)(first)


@pytest.mark.parametrize("backend", ["torch", "cpu"])
def test_autocast_leaves_the_scan_in_float32(backend):
    given = tensors(PUBLIC["scan"][1])
    with torch.autocast("cpu", torch.bfloat16):
        found = scan(*given, backend=backend)
    assert torch.equal(found, scan(*given, backend=backend))


def test_tensors_without_data_have_the_shapes_of_the_results():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode() as mode:
        for name, (operation, shapes) in PUBLIC.items():
            given = [mode.from_tensor(t) for t in tensors(shapes)]
            if name not in ("conv", "gate", "order"):  # their orders have data
                assert operation(*given).shape == operation(*tensors(shapes)).shape


@pytest.mark.parametrize(("order", "low"), [(ORDER + 1, 1), (ORDER - 2, -2)], ids=["high", "low"])
def test_a_kernel_reads_no_memory_but_its_own(order, low):
    with pytest.raises(ScansearchError, match=f"must hold numbers from -1 to {L - 1}, but got {low} to"):
        reorder_conv_silu(torch.zeros(B, L, D), order, torch.zeros(G, D, 4), torch.zeros(G, D))
    with pytest.raises(ScansearchError, match=f"must hold numbers from 0 to {L - 1}, but got {low} to"):
        restore_gate(torch.zeros(PANEL), torch.zeros(B, L, D), ORDER, order)


@pytest.mark.parametrize("operator", [o for o in ALL if o is not STEPS], ids=lambda operator: operator.run._schema.name)
def test_an_operator_that_is_called_by_itself_checks_its_arguments(operator):
    given = arguments(operator)
    with pytest.raises(ScansearchError, match="must"):
        operator.run(given[0], given[1][None], *given[2:])
    with pytest.raises(ScansearchError, match="must hold float32"):
        operator.run(given[0].double(), *given[1:])


def test_operators_are_there_without_numba():
    code = "import sys, torch, scansearch.ops; print(torch.ops.scansearch.cpu_scan, 'numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["scansearch.cpu_scan", "False"], done.stderr
