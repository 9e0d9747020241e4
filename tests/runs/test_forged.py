"""Checkpoints by other hands, with the right checksum: each is refused in one line, and nothing on the disk has changed."""

import copy
import hashlib
import json
import math
import shutil
import struct

import pytest
import torch
from safetensors.torch import save

from scansearch.errors import RunFolderError
from scansearch.runs.checkpoint import checkpoints, load_checkpoint, pack
from scansearch.runs.folder import RunFolder
from scansearch.runs.tables import SCORES
from scansearch.searching.assemble import resume, start
from scansearch.searching.loop import SearchLoop
from scansearch.strategy.gradient import GradientStrategy
from scansearch.training.events import Silent

SETTINGS = {"progressive": {"level": "joint"}}
"""With no images held out there are nine steps."""


class Stop(Silent):
    """Ctrl-C after the fifth step."""

    def stepped(self, progress):
        if progress.step == 5:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def stopped(tiny, tmp_path_factory):
    """By strategy: a run that ended after its fifth of nine steps, with a checkpoint after the fourth."""
    made = {}

    def make(strategy, **settings):
        key = (strategy, *settings.items())
        if key not in made:
            made[key] = tmp_path_factory.mktemp("stopped") / "run"
            with pytest.raises(KeyboardInterrupt):
                start(tiny(strategy=strategy, **settings), made[key], Stop())
        return made[key]

    return make


def forge(folder, change):
    """Changes the state in the newest checkpoint, which is then the only one, with the right checksum."""
    _, state = load_checkpoint(folder / "checkpoints", pytest.fail)
    change(state)
    tensors = {}
    tree = pack(state, tensors)
    put(folder, save({name: t.clone() for name, t in tensors.items()}, metadata={"tree": json.dumps(tree)}))


def put(folder, data, number=4):
    for old in checkpoints(folder / "checkpoints"):
        old.unlink()
    digest = hashlib.sha256(data).hexdigest()[:16]
    (folder / "checkpoints" / f"step-{number:09d}-{digest}.safetensors").write_bytes(data)


def snapshot(folder):
    return {p: p.read_bytes() for p in sorted(folder.parent.rglob("*")) if p.is_file() and p.name != "log.txt"}


def refusal(folder):
    before = snapshot(folder)
    with pytest.raises(RunFolderError) as caught:
        resume(folder)
    assert snapshot(folder) == before
    in_one_line(caught.value)
    return str(caught.value)


@pytest.fixture
def copied(stopped, tmp_path):
    def copy(strategy="darts", **settings):
        (tmp_path / "x.txt").write_text("dear mother")
        shutil.copytree(stopped(strategy, **settings), tmp_path / "run")
        return tmp_path / "run"

    return copy


@pytest.fixture(scope="module")
def search(stopped):
    """``search(strategy, change)`` gives a search that is about to go on a changed state: it must refuse."""
    found = {}

    def caught(self, state):
        found["now"] = (self, state)
        raise KeyboardInterrupt

    def check(strategy, change):
        if strategy not in found:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(SearchLoop, "restore", caught)
                with pytest.raises(KeyboardInterrupt):
                    resume(stopped(strategy, **SETTINGS.get(strategy, {})))
            found[strategy] = found["now"]
        loop, state = found[strategy]
        loop.restore(copy.deepcopy(state))  # as it was written it is right
        forged = copy.deepcopy(state)
        change(forged)
        with pytest.raises(RunFolderError, match="is not one of this run") as refused:
            loop.restore(forged)
        in_one_line(refused.value)

    return check


def in_one_line(error):
    assert "\n" not in str(error)
    assert len(str(error)) < 1000


def sized(**sizes):
    return lambda state: state["tables"].update({f"{name}.csv": size for name, size in sizes.items()})


def renamed(state):
    state["tables"]["../x.txt"] = 0


def replaced(*path, value):
    def change(state):
        for key in path[:-1]:
            state = state[key]
        state[path[-1]] = value(state[path[-1]]) if callable(value) else value

    return change


def removed(*path):
    def change(state):
        for key in path[:-1]:
            state = state[key]
        del state[path[-1]]

    return change


def first(what):
    """Changes the first entry of the optimiser's memory."""

    def change(state):
        memory = state["optimizer"]["state"]
        what(memory[next(iter(memory))])

    return change


def weight(change):
    def changed(state):
        name = next(name for name in state["supernet"] if name.endswith(".weight"))
        state["supernet"][name] = change(state["supernet"][name])

    return changed


def nan(tensor):
    return torch.full_like(tensor, math.nan)


ENVELOPES = {
    "a file outside": renamed,
    "a table that is missing": removed("tables", "metrics.csv"),
    "an empty table": sized(metrics=0),
    "half a header": sized(metrics=10),
    "half a row": sized(scores=len(SCORES.header) + 6),
    "a negative size": sized(metrics=-1),
    "a size that is no number": sized(metrics="0"),
    "a size that is true": sized(metrics=True),
    "rows that are not there": sized(layers=10**6),
    "tables that are a list": replaced("tables", value=["metrics.csv"]),
    "no origin": removed("origin"),
    "an origin that is a number": replaced("origin", value=3),
    "half an origin": removed("origin", "environment.json"),
}  # fmt: skip

FORGED = {
    "a negative step": replaced("step", value=-4),
    "a huge step": replaced("step", value=10**30),
    "a step that is a text": replaced("step", value="4"),
    "a step beyond the history": replaced("step", value=8),
    "no step": removed("step"),
    "an unknown entry": lambda state: state.update(more=1),
    "judged before": replaced("judged", value=-1),
    "sums of NaN": replaced("sums", value=[math.nan] * 3),
    "two sums": replaced("sums", value=[0.0, 0.0]),
    "weights of NaN": weight(nan),
    "an infinite weight": weight(lambda w: w.clone().fill_(math.inf)),
    "weights of another shape": weight(lambda w: w[:1].clone()),
    "weights of another type": weight(lambda w: w.double()),
    "a weight that is a number": weight(lambda w: 3.0),
    "no weights": replaced("supernet", value={}),
    "weights that are a list": replaced("supernet", value=[]),
    "moments of another shape": first(replaced("exp_avg", value=lambda t: torch.zeros(3))),
    "moments of NaN": first(replaced("exp_avg", value=nan)),
    "negative squares": first(replaced("exp_avg_sq", value=lambda t: t - 1)),
    "no moments": first(removed("exp_avg")),
    "a negative update": first(replaced("step", value=lambda t: t - 9)),
    "moments of a parameter that is not there": lambda s: s["optimizer"]["state"].update({10**6: {}}),
    "another group": replaced("optimizer", "param_groups", value=lambda groups: groups[:1]),
    "parameters in another order": replaced("optimizer", "param_groups", 0, "params", value=lambda p: p[::-1]),
    "a rate of NaN": replaced("optimizer", "param_groups", 0, "lr", value=math.nan),
    "no optimiser": replaced("optimizer", value=None),
    "alpha's optimiser of another shape": replaced("strategy", "optimizer", "state", 0, "exp_avg", value=lambda t: t[:1].clone()),
    "no strategy": replaced("strategy", value={}),
    "a strategy that is a list": replaced("strategy", value=[]),
    "a selection of layers that are not there": replaced("strategy", "derivation", "chosen", value=((0, 1), (0, 99))),
    "a selection of texts": replaced("strategy", "derivation", "chosen", value="ab"),
    "accuracies that are a dict": replaced("strategy", "derivation", "judged", value={"a": 1}),
    "more layers decided than judged": replaced("strategy", "derivation", "decided", value=lambda t: torch.zeros(3).long()),
    "a history of more epochs": replaced("history", "scores", value=lambda s: [torch.cat([t, t]) for t in s]),
    "a history of fewer layers": replaced("history", "kept", value=lambda k: k[:1]),
    "a history of other candidates": replaced("history", "scores", value=lambda s: [t[:, :3].clone() for t in s]),
    "no history": replaced("history", value={}),
    "a generator of another size": replaced("random", "cpu", value=lambda t: t[:9].clone()),
    "a generator of another kind": replaced("random", "cpu", value=lambda t: t.long()),
    "a generator that is none": replaced("random", "cpu", value=lambda t: torch.full_like(t, 255)),
    "generators of no list": replaced("random", "cuda", value=3),
}  # fmt: skip


@pytest.mark.parametrize("change", ENVELOPES.values(), ids=ENVELOPES)
def test_a_forged_envelope_is_refused(copied, change):
    folder = copied()
    forge(folder, change)
    before = snapshot(folder)
    with pytest.raises(RunFolderError) as caught:
        RunFolder.open(folder).load(pytest.fail)
    in_one_line(caught.value)
    assert snapshot(folder) == before


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_forged_state_is_refused(search, change):
    search("darts", change)


@pytest.mark.parametrize("name", ["a file outside", "half a row"])
def test_nothing_on_the_disk_has_changed_when_an_envelope_is_refused(copied, name):
    folder = copied()
    forge(folder, ENVELOPES[name])
    refusal(folder)


@pytest.mark.parametrize("name", ["weights of NaN", "a generator that is none", "a selection of texts"])
def test_nothing_on_the_disk_has_changed_when_a_state_is_refused(copied, name):
    folder = copied()
    with (folder / "scores.csv").open("a") as table:
        table.write("9,9,h,0.5,1\n")  # to be cut off by a resume that goes well
    forge(folder, FORGED[name])
    assert "is not one of this run" in refusal(folder)


def judged(kept, accuracies):
    """Genotypes of two layers of eight candidates, a byte each."""
    kept = torch.tensor(kept, dtype=torch.uint8).reshape(-1, len(kept[0]) if kept else 2)
    return replaced("accuracies", value={"kept": kept, "accuracies": torch.tensor(accuracies, dtype=torch.float64)})


CHOSEN = {
    "single_path": {
        "a genotype that is none": replaced("best", value=((0,), (1,))),
        "genotypes in another order": replaced("best", value=lambda best: tuple(kept[::-1] for kept in best)),
        "accuracies beyond 1": judged([[15, 15]], [7.0]),
        "accuracies of NaN": judged([[15, 15]], [math.nan]),
        "accuracies of nothing": judged([], [0.5]),
        "a genotype without an accuracy": judged([[15, 15]], []),
        "a genotype twice": judged([[15, 15], [15, 15]], [0.5, 0.6]),
        "a genotype that is not in the space": judged([[15, 7]], [0.5]),
        "genotypes of fewer layers": judged([[15]], [0.5]),
        "genotypes of no width": replaced("accuracies", "kept", value=torch.tensor(3, dtype=torch.uint8)),
        "genotypes of another type": replaced("accuracies", "kept", value=lambda t: t.float()),
        "accuracies that are a number": replaced("accuracies", value=3),
    },
    "progressive": {
        "a stage that is not there": replaced("stage", value=99),
        "nothing left": replaced("left", value=[[], []]),
        "candidates that are not there": replaced("left", value=[[0, 1, 2, 99]] * 2),
        "too few layers": replaced("left", value=lambda left: left[:1]),
        "layers of texts": replaced("left", value=["abcd", "efgh"]),
    },
    "optuna_search": {
        "a worker that is a number": replaced("worker", value=5),
        "a number of trials that is a text": replaced("finished", value="7"),
    },
}


@pytest.mark.parametrize(
    ("strategy", "change"), [(s, c) for s, cases in CHOSEN.items() for c in cases.values()],
    ids=[name for cases in CHOSEN.values() for name in cases],
)  # fmt: skip
def test_a_forged_state_of_a_strategy_is_refused(search, strategy, change):
    search(strategy, lambda state: change(state["strategy"]))


ONE = {"t0": torch.zeros(2)}


def tree(node, tensors=ONE):
    return save(tensors, metadata={"tree": node if isinstance(node, str) else json.dumps(node)})


def raw(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


WEIGHT = {"tensor": "t0"}
RAW = {
    "nothing": b"",
    "noise": bytes(range(256)) * 4,
    "a header that is longer than the file": struct.pack("<Q", 10**6) + b"{}",
    "a header beyond all limits": struct.pack("<Q", 2**63) + b"{}",
    "a header nested deeply": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "no metadata": save(ONE),
    "no tree": save(ONE, metadata={"forest": "{}"}),
    "a tree that is no JSON": tree("{"),
    "a tree nested deeply": tree('{"list": [' * 50_000),
    "a tree nested so that only its reader fails": tree('{"list": [' * 900 + "]}" * 900),
    "a number of many digits": tree('{"value": ' + "9" * 10_000 + "}"),
    "a list in place of a node": tree([1, 2]),
    "an unknown kind": tree({"dict": [["a", {"set": []}], ["b", WEIGHT]]}),
    "two kinds": tree({"dict": [], "list": []}),
    "a value that is a list": tree({"dict": [["a", {"value": []}], ["b", WEIGHT]]}),
    "a dict that is a dict": tree({"dict": {"b": WEIGHT}}),
    "a key twice": tree({"dict": [["a", {"value": 1}], ["a", {"value": 2}], ["b", WEIGHT]]}),
    "a key that is a list": tree({"dict": [[["a"], {"value": 1}], ["b", WEIGHT]]}),
    "a key that is true": tree({"dict": [[True, {"value": 1}], ["b", WEIGHT]]}),
    "a key without a value": tree({"dict": [["b"]]}),
    "a tensor named twice": tree({"dict": [["a", WEIGHT], ["b", WEIGHT]]}),
    "a tensor that is missing": tree({"dict": [["a", {"tensor": "t1"}], ["b", WEIGHT]]}),
    "a tensor by a number": tree({"dict": [["a", {"tensor": 0}], ["b", WEIGHT]]}),
    "a tensor that nobody names": tree({"dict": []}),
    "a state that is a list": tree({"list": [WEIGHT]}),
    "tensors that overlap": raw(
        {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("t0", "t1")}, bytes(8)
    ),
    "a tensor of an unknown type": raw({"t0": {"dtype": "F33", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
    "a tensor larger than memory": raw({"t0": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 8]}}, bytes(8)),
}  # fmt: skip


@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
def test_a_file_that_no_run_has_written_is_refused_in_one_line(tmp_path, data):
    (tmp_path / "checkpoints").mkdir()
    put(tmp_path, data)
    with pytest.raises(RunFolderError, match="no run has written this checkpoint") as caught:
        load_checkpoint(tmp_path / "checkpoints", pytest.fail)
    in_one_line(caught.value)


@pytest.mark.parametrize(
    "error", [IndexError("far"), AttributeError(), AssertionError(), OverflowError("large"), RecursionError("deep")]
)
def test_whatever_a_strangers_strategy_stumbles_over_is_one_line(search, monkeypatch, error):
    def fail(self, state):
        raise error

    search("darts", lambda state: monkeypatch.setattr(GradientStrategy, "load_state_dict", fail))


def test_a_checkpoint_of_a_machine_with_other_gpus_is_taken(copied):
    folder = copied()
    forge(folder, replaced("random", "cuda", value=[torch.zeros(16, dtype=torch.uint8)]))
    resume(folder)
    assert (folder / "genotype.json").exists()
