"""Single-path sampling: uniform while training, then an evolution that finds what the judge likes."""

import pytest
import torch

import scansearch
from scansearch.registry import MODELS, SEARCH_SPACES, STRATEGIES
from scansearch.shape import ImageShape
from scansearch.strategy.step import Plan

KIND = STRATEGIES.get("single_path")
SHAPE = ImageShape(8, 8, channels=1, classes=10)


def single_path(seed=0, **settings):
    spec = MODELS.get("local_vim_nano").configure(depth=3, scan_backend="torch")
    supernet = spec.supernet([SEARCH_SPACES.get("default8").candidates] * 3, SHAPE)
    strategy = KIND(KIND.Settings(**settings))
    strategy.setup(supernet, SEARCH_SPACES.get("default8").bind([(8, 8)] * 3), Plan(2, 10, seed))
    return strategy


def judge_by(wanted):
    """An accuracy that grows with the directions that a genotype shares with the one wanted."""
    asked = []

    def evaluate(selections):
        asked.append(tuple(s.indices for s in selections))
        assert all(s.weights is None for s in selections)
        return sum(len(set(s.indices) & set(w)) for s, w in zip(selections, wanted, strict=True)) / 12

    return evaluate, asked


WANTED = ((0, 2, 4, 6), (1, 2, 3, 7), (0, 1, 4, 5))


def test_a_step_trains_one_uniformly_drawn_genotype_as_the_derived_network_computes_it():
    torch.manual_seed(0)
    strategy, counts = single_path(), torch.zeros(3, 8)
    for step in range(400):
        for layer, selection in enumerate(strategy.select(step)):
            assert selection.weights is None
            assert len(selection.indices) == 4
            counts[layer, list(selection.indices)] += 1
    assert float((counts / 400 - 0.5).abs().max()) < 0.12


def test_nothing_is_preferred_before_the_evolution():
    strategy = single_path()
    assert all(torch.equal(s, torch.full((8,), 1 / 8, dtype=torch.float64)) for s in strategy.scores())
    assert strategy.choose() == tuple(s.indices for s in strategy.evaluation())
    assert strategy.choose() == single_path().choose() != single_path(seed=5).choose()


def test_evolution_finds_what_random_sampling_does_not():
    evaluate, asked = judge_by(WANTED)
    strategy = single_path()
    strategy.finish(evaluate)
    assert strategy.choose() == WANTED
    assert len(asked) == len(set(asked)) <= strategy.traits.judgements == 50 + 20 * 50
    random, _ = judge_by(WANTED)
    lucky = single_path(generations=0, population=len(asked))
    lucky.finish(random)
    assert lucky.choose() != WANTED
    assert max(lucky.accuracies.values()) < 1


def test_scores_are_the_shares_of_the_best_genotypes():
    strategy = single_path(generations=2, parents=3)
    strategy.finish(judge_by(WANTED)[0])
    assert all(float(s.sum()) == pytest.approx(1) for s in strategy.scores())
    best = sorted(strategy.accuracies, key=lambda c: -strategy.accuracies[c])[:3]
    shares = [sum(0 in choice[layer] for choice in best) / 12 for layer in range(3)]
    assert [float(s[0]) for s in strategy.scores()] == pytest.approx(shares)


def test_an_interrupted_evolution_goes_on_without_asking_again():
    evaluate, asked = judge_by(WANTED)
    whole = single_path(generations=4)
    whole.finish(evaluate)
    cut, left = single_path(generations=4), 60

    def stopping(selections):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return judge_by(WANTED)[0](selections)

    with pytest.raises(KeyboardInterrupt):
        cut.finish(stopping)
    resumed = single_path(generations=4)
    resumed.load_state_dict(cut.state_dict())
    evaluate, asked_after = judge_by(WANTED)
    resumed.finish(evaluate)
    assert resumed.choose() == whole.choose()
    assert asked[60:] == asked_after
    assert resumed.accuracies == whole.accuracies


def test_batch_normalisation_is_pointed_out():
    strategy = single_path()
    assert strategy.notes() == []
    strategy.supernet.extra = torch.nn.BatchNorm2d(3)
    assert "batch normalisation" in strategy.notes()[0]


def test_a_run_stopped_while_it_chooses_resumes_byte_for_byte(tmp_path, monkeypatch):
    from scansearch.errors import InterruptedRunError
    from scansearch.training.events import Silent

    run = {
        "model": "local_vim_nano", "strategy": "single_path", "epochs": 1, "limit": 64, "depth": 2, "checkpoint_steps": 3,
        "generations": 2, "population": 5, "parents": 2, "mutations": 3, "crossovers": 3,
    }  # fmt: skip

    class Stop(Silent):
        def judged(self, done, most, accuracy):
            assert most == 5 + 2 * 6
            if done == 7:
                import signal

                signal.raise_signal(signal.SIGINT)

    scansearch.search(tmp_path / "whole", **run)
    with pytest.raises(InterruptedRunError):
        scansearch.search(tmp_path / "cut", listener=Stop(), **run)
    scansearch.resume(tmp_path / "cut")
    for name in ("metrics.csv", "scores.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    ours, theirs = (scansearch.load_genotype(tmp_path / name / "genotype.json") for name in ("whole", "cut"))
    assert ours.layers == theirs.layers
