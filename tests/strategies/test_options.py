"""Every option with every gradient strategy: it runs, or it is refused in one line before anything is written."""

import pytest

import scansearch
from scansearch.errors import ScansearchError
from scansearch.registry import STRATEGIES
from scansearch.space import SearchSpace
from scansearch.strategy.gradient import GradientStrategy

OPTIONS = [
    {"selection": "perturbation", "tuning": 0.5},
    {"selection": "one_shot", "judged": 3},
    {"perturb": "random"},
    {"perturb": "adversarial"},
    {"entropy": 0.1},
    {"shortcut": 1.0},
    {"curvature": "measure"},
    {"curvature": "stop", "epochs": 6},
    {"alpha_warmup": 0.5},
    {"level": "bilevel", "shortcut": 1.0, "entropy": 0.1, "selection": "perturbation"},
    {"level": "unrolled"},
    {"level": "bilevel", "precision": "bf16"},
    {"level": "unrolled", "precision": "bf16"},
    {"perturb": "adversarial", "precision": "bf16"},
    {"curvature": "measure", "precision": "bf16"},
]
REFUSED = {
    "gumbel": {"perturb", "curvature"},
    "binary_gates": {"perturb", "curvature", "unrolled"},
    "progressive": {"stop"},
}
GRADIENT = [name for name in STRATEGIES.names() if issubclass(STRATEGIES.get(name), GradientStrategy)]


@pytest.mark.parametrize("strategy", ["darts", "binary_gates", "fair_path"])
def test_alpha_learns_in_mixed_precision(strategy, tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "epochs": 2, "limit": 64, "batch_size": 32, "precision": "bf16"}
    options = {"level": "bilevel"} if strategy != "fair_path" else {"population": 2, "generations": 0}
    genotype = scansearch.search(tmp_path / "run", strategy=strategy, **run, **options)
    assert len(genotype.directions[0]) == 4


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1, 4, (2, 4), 8], ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", GRADIENT)
def test_it_runs_or_is_refused(name, options, keep, tmp_path):
    candidates = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")
    run = {"model": "local_vim_nano", "depth": 2, "epochs": 2, "limit": 96, "validation_limit": 64, "batch_size": 32}
    space = SearchSpace(name="eight", candidates=candidates, keep=keep)

    def search():
        return scansearch.search(tmp_path / "run", space=space, strategy=name, **{**run, **options})

    if REFUSED.get(name, set()) & {*options, options.get("level"), options.get("curvature")}:
        with pytest.raises(ScansearchError) as refused:
            search()
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "run").exists()
    else:
        least, most = keep if isinstance(keep, tuple) else (keep, keep)
        assert all(least <= len(names) <= most for names in search().directions)
