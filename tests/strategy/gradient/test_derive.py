import signal

import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, strategy

import scansearch
from scansearch.errors import InterruptedRunError
from scansearch.strategy.gradient.derive import Derivation
from scansearch.training.events import Silent

WORTH = [[0.1, 0.4, 0.2, 0.3], [0.5, 0.0, 0.1, 0.2]]


def judge(selections):
    return sum(WORTH[i][j] for i, selection in enumerate(selections) for j in selection.indices) / 10


def uniform(bound):
    return [torch.full((len(layer.candidates),), 0.25, dtype=torch.float64) for layer in bound]


def start(bound):
    return tuple(tuple(range(len(layer.candidates))) for layer in bound)


def plain(choice):
    from scansearch.models import Selection

    return [Selection(kept) for kept in choice]


def test_perturbation_drops_what_is_missed_least():
    bound, calls = space(), []
    found = Derivation("perturbation", 0, bound, 0)
    found.run(start(bound), uniform(bound), plain, lambda s: (calls.append(s), judge(s))[1])
    assert found.chosen == ((1, 3), (0, 3))
    assert len(calls) <= found.judgements
    full = max(calls, key=lambda s: sum(len(x.indices) for x in s))
    assert sum(len(x.indices) for x in full) == 7  # one gone


def test_perturbation_respects_constraints():
    bound = space(constraints=[{"kind": "flip_pairs", "least": 1}])
    found = Derivation("perturbation", 0, bound, 0)
    found.run(start(bound), uniform(bound), plain, judge)
    assert found.chosen == (
        (2, 3),
        (2, 3),
    )  # greedy: candidate 1 of the second layer goes first, and its partner after it
    assert bound.allows(found.chosen)


def test_perturbation_keeps_as_many_as_help():
    bound = space(keep=(1, 4))
    found = Derivation("perturbation", 0, bound, 0)
    found.run(start(bound), uniform(bound), plain, judge)
    assert found.chosen == ((0, 1, 2, 3), (0, 2, 3))


def test_of_genotypes_drawn_by_score_the_most_accurate_wins():
    bound = space()
    found = Derivation("one_shot", 200, bound, 0)
    found.run(start(bound), uniform(bound), plain, judge)
    assert found.chosen == ((1, 3), (0, 3))
    sure = [torch.tensor([1.0, 1e-9, 1.0, 1e-9]).double()] * 2
    few = Derivation("one_shot", 20, bound, 0)
    few.run(start(bound), sure, plain, judge)
    assert few.chosen == ((0, 2), (0, 2))


@pytest.mark.parametrize("how", ["perturbation", "one_shot"])
def test_after_an_interruption_it_ends_as_it_would_have(how):
    bound, done = space(), []
    whole = Derivation(how, 30, bound, 7)
    whole.run(start(bound), uniform(bound), plain, lambda s: (done.append(1), judge(s))[1])

    def until(limit):
        calls = []

        def evaluate(selections):
            if len(calls) == limit:
                raise KeyboardInterrupt
            calls.append(1)
            return judge(selections)

        return evaluate, calls

    part = Derivation(how, 30, bound, 7)
    with pytest.raises(KeyboardInterrupt):
        part.run(start(bound), uniform(bound), plain, until(len(done) // 2)[0])
    again = Derivation(how, 30, bound, 7)
    again.load_state_dict(part.state_dict())
    evaluate, calls = until(10**6)
    again.run(start(bound), uniform(bound), plain, evaluate)
    assert again.chosen == whole.chosen
    assert len(calls) == len(done) - len(done) // 2


def test_magnitude_judges_nothing():
    found = Derivation("magnitude", 0, space(), 0)
    assert found.judgements == 0
    found.run(start(space()), uniform(space()), plain, lambda s: pytest.fail("judged"))
    assert found.chosen is None


def test_a_strategy_judges_what_is_left_with_the_weights_it_had():
    net = ToySupernet()
    set_alpha(net, [0, 1, 2, 3], [0, 0, 0, 0])
    found = strategy("darts", net, selection="perturbation", tuning=0)
    (one, two) = found.derived(((1, 3), (0, 1, 2)))
    assert torch.allclose(one.weights, torch.tensor([1.0, 3.0]).softmax(0))
    assert torch.allclose(two.weights, torch.full((3,), 1 / 3))
    found.finish(judge)
    assert found.choose() == ((1, 3), (0, 3))
    assert found.by_score()[0] == (2, 3)


def test_what_has_dropped_out_is_not_judged_again():
    net = ToySupernet()
    set_alpha(net, [0, 1, 2, 3], [3, 2, 1, 0])
    found = strategy("progressive", net, space(keep=1), selection="perturbation", tuning=0)
    found.left = [[2, 3], [0, 1]]
    calls = []
    found.finish(lambda s: (calls.append(s), judge(s))[1])
    assert all(set(s.indices) <= set(left) for call in calls for s, left in zip(call, found.left, strict=True))
    assert found.choose() == ((3,), (0,))


def test_sigmoid_closes_gates_and_leaves_the_others_as_they_are():
    net = ToySupernet()
    set_alpha(net, [0, 1, 2, 3], [0, 0, 0, 0])
    found = strategy("sigmoid", net)
    selections = found.derived(((1, 3), (0, 1)))
    assert torch.allclose(selections[0].weights, torch.tensor([1.0, 3.0]).sigmoid())
    assert torch.allclose(selections[1].weights, torch.tensor([0.5, 0.5]))


def test_one_shot_draws_about_as_many_as_are_above_the_threshold():
    bound, sizes = space(count=8, keep=(1, 8), layers=1), []
    gates = torch.tensor([0.95, 0.95, *[0.05] * 6]).double()
    found = Derivation("one_shot", 100, bound, 0)
    found.run(start(bound), [gates], plain, lambda s: sizes.append(len(s[0].indices)) or 0.0, threshold=0.85)
    assert 1 <= sum(sizes) / len(sizes) <= 3


def test_layers_without_a_choice_are_not_tuned_for():
    assert Derivation("perturbation", 0, space(keep=4, layers=3), 0, tuning=10).tunings == 0
    assert Derivation("perturbation", 0, space(keep=2, layers=3), 0, tuning=10).tunings == 20
    bound = space(keep=4, layers=3)
    Derivation("perturbation", 0, bound, 0, tuning=10).run(start(bound), uniform(bound), plain, lambda s: 0.5)


def test_what_judges_in_the_end_claims_no_margin():
    assert strategy("darts").traits.gradual
    assert not strategy("darts", selection="one_shot").traits.gradual
    assert not strategy("darts", selection="perturbation").traits.gradual


def test_one_shot_judges_what_the_scores_would_keep():
    net = ToySupernet()
    set_alpha(net, [3, 3, 3, -3], [-3, -3, -2, -3])
    found = strategy("sigmoid", net, space(keep=(1, 3)), selection="one_shot", judged=1)
    found.finish(judge)
    assert found.choose() == ((0, 1, 2), (2,))


def test_between_two_layers_the_supernet_is_tuned_with_what_is_left():
    class Evaluate:
        def __init__(self):
            self.tuned = []

        def __call__(self, selections):
            return judge(selections) * (1 if self.tuned else 0.5)

        def tune(self, selections, updates):
            self.tuned.append(([len(s.indices) for s in selections], updates))

    evaluate, bound = Evaluate(), space(layers=3)
    found = strategy("darts", ToySupernet(layers=3), bound, selection="perturbation", tuning=0.07)
    WORTH.append([0.0, 0.1, 0.2, 0.3])
    found.finish(evaluate)
    WORTH.pop()
    assert [updates for _, updates in evaluate.tuned] == [7, 7]  # of 100 in the search
    assert sorted(evaluate.tuned[0][0]) == [2, 4, 4]
    assert sorted(evaluate.tuned[1][0]) == [2, 2, 4]
    assert found.traits.tunings == 14
    assert found.choose() == ((1, 3), (0, 3), (2, 3))
    assert strategy("darts", tuning=0.5).traits.tunings == 0


TUNING_RUN = {
    "model": "local_vim_nano", "depth": 3, "epochs": 2, "limit": 128, "batch_size": 32, "checkpoint_steps": 4,
    "selection": "perturbation", "tuning": 0.75, "validation_limit": 30, "patch_size": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned") / "whole"
    scansearch.search(folder, **TUNING_RUN)
    return folder


@pytest.mark.parametrize("at", [3, 8, 11])
def test_a_run_stopped_while_it_tunes_resumes_byte_for_byte(at, uncut, tmp_path):
    class Stop(Silent):
        def tuned(self, done, most):
            assert most == 12
            if done == at:
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(InterruptedRunError):
        scansearch.search(tmp_path / "cut", listener=Stop(), **TUNING_RUN)
    scansearch.resume(tmp_path / "cut")
    ours, theirs = (scansearch.load_genotype(folder / "genotype.json") for folder in (uncut, tmp_path / "cut"))
    assert ours.layers == theirs.layers
    assert ours.search["derived_accuracy"] == theirs.search["derived_accuracy"]
    newest = [max((folder / "checkpoints").glob("step-*")).name for folder in (uncut, tmp_path / "cut")]
    assert newest[0] == newest[1]  # the name holds a checksum of the weights


def test_after_tuning_what_was_judged_before_is_judged_again():
    class Evaluate:
        def __init__(self):
            self.calls, self.tuned = [], 0

        def __call__(self, selections):
            self.calls.append((self.tuned, tuple(s.indices for s in selections)))
            return 0.5

        def tune(self, selections, updates):
            self.tuned += 1

    evaluate, bound = Evaluate(), space(keep=(2, 4), layers=2)
    Derivation("perturbation", 0, bound, 0, tuning=5).run(start(bound), uniform(bound), plain, evaluate)
    rounds = {choice: {tuned for tuned, other in evaluate.calls if other == choice} for _, choice in evaluate.calls}
    assert {0, 1} in rounds.values()


def test_of_directions_that_are_missed_equally_the_one_of_the_lowest_score_goes():
    bound = space(layers=1)
    scores = [torch.tensor([0.4, 0.1, 0.3, 0.2], dtype=torch.float64)]
    found = Derivation("perturbation", 0, bound, 0)
    found.run(start(bound), scores, plain, lambda selections: 0.5)
    assert found.chosen == ((0, 2),)


def test_layers_are_decided_in_an_order_that_the_seed_draws():
    bound, orders = space(layers=4), set()
    for seed in range(6):
        calls = []
        found = Derivation("perturbation", 0, bound, seed)
        found.run(start(bound), uniform(bound), plain, lambda s, calls=calls: (calls.append(s), 0.5)[1])
        begun = [next(n for n, s in enumerate(calls) if len(s[layer].indices) < 4) for layer in range(4)]
        orders.add(tuple(sorted(range(4), key=begun.__getitem__)))
    assert len(orders) > 2
