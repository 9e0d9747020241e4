"""A strategy writes two methods; all else is there."""

import pytest
import torch
from toy_search import space

from scansearch.models import Selection
from scansearch.strategy import Plan, Strategy, StrategySettings, Traits
from scansearch.strategy.hooks import Hooks


class Least(Strategy):
    def select(self, step):
        return [Selection(tuple(range(len(layer.candidates)))) for layer in self.space]

    def scores(self):
        return [torch.arange(len(layer.candidates)).double() for layer in self.space]


def test_two_methods_are_enough():
    found = Least(StrategySettings())
    assert found.traits == Traits()
    found.setup(None, space(keep=2), Plan(1, 1, 0))
    assert found.choose() == ((2, 3), (2, 3))
    assert found.evaluation() == found.select(0)
    assert [selection.weights.tolist() for selection in found.derived(found.choose())] == [[0.5, 0.5]] * 2
    found.load_state_dict(found.state_dict())


def test_without_them_it_is_none():
    with pytest.raises(TypeError, match="abstract"):
        Strategy(StrategySettings())


def test_hooks_do_nothing_by_default():
    hooks = Hooks()
    assert [hooks.before_weights(None), hooks.after_backward(None), hooks.after_epoch(None), hooks.finish(None)] == [
        None
    ] * 4
    assert not any([hooks.notes(), hooks.stopped, hooks.diagnostics(), hooks.final_diagnostics()])
    assert not any([hooks.judged_genotypes(), hooks.train_defaults()])
    assert hooks.alpha_lr() == 0


def test_traits_are_frozen():
    with pytest.raises(AttributeError):
        Traits().judgements = 3
