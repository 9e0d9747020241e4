import json
from pathlib import Path
from typing import get_args

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from scansearch.data.augment_settings import AugmentSettings
from scansearch.documents import parse_toml
from scansearch.errors import ScansearchError
from scansearch.registry import DATASETS, STRATEGIES
from scansearch.runs.config import RunConfig, validated
from scansearch.runs.settings import DataSettings, MachineSettings, TrainSettings
from scansearch.searching.configure import make_config
from scansearch.searching.overrides import parse_value
from scansearch.space import find_space


def made(**arguments):
    names = {"space": find_space("default8"), "strategy": "darts", "model": "local_vim_nano", "data": "digits"}
    return make_config(**{**names, **arguments})


def refusal(**arguments):
    with pytest.raises(ScansearchError) as caught:
        made(**arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


FILE = ("mine.toml", {"train": {"epochs": 7, "lr": 0.5}})
FLAGS = ("flags", {"train": {"epochs": 3}})


def test_defaults():
    config = made()
    assert (config.train.epochs, config.train.batch_size, config.seed) == (12, 64, 0)
    assert config.augment == DATASETS.get("digits").augment
    assert (config.kind, config.model.name, config.model.settings) == ("search", "local_vim_nano", {})
    assert (config.data.evaluation_crop, made(data="imagenet").data.evaluation_crop) == (1, 0.875)
    assert made(data="imagenet", assignments=["evaluation_crop=0.9"]).data.evaluation_crop == 0.9


def test_flags_win_over_file_and_file_over_defaults():
    assert made(layers=[FILE]).train.epochs == 7
    assert made(layers=[FILE, FLAGS]).train.epochs == 3
    assert made(layers=[FILE, FLAGS]).train.lr == 0.5
    assert made(layers=[FILE, FLAGS], assignments=["epochs=2", "lr=0.25"]).train.lr == 0.25
    assert made(layers=[FILE, FLAGS], assignments=["epochs=2"]).train.epochs == 2
    assert made(layers=[FILE], assignments=["epochs=2"], settings={"epochs": 1}).train.epochs == 1


def test_the_later_of_two_files_wins():
    assert made(layers=[FILE, ("other.toml", {"train": {"epochs": 9}})]).train.epochs == 9


def test_a_preset_lies_between_defaults_and_file():
    preset = STRATEGIES.get("darts").presets["paper"].settings
    assert made(preset="paper").train.epochs == preset["train"]["epochs"]
    assert made(preset="paper").strategy.settings["alpha_lr"] == preset["strategy"]["alpha_lr"]
    assert made(preset="paper", layers=[FILE]).train.epochs == 7
    assert made(preset="paper", layers=[FILE]).train.warmup_epochs == preset["train"]["warmup_epochs"]


PRESETS = [(name, preset) for name in STRATEGIES.names() for preset in STRATEGIES.get(name).presets]


@pytest.mark.parametrize(("strategy", "preset"), PRESETS)
def test_every_preset_is_what_the_run_is_told(strategy, preset):
    config, recipe = made(strategy=strategy, preset=preset), STRATEGIES.get(strategy).presets[preset]
    assert config.preset == preset
    sections = {
        "train": config.train.model_dump(),
        "augment": config.augment.model_dump(),
        "strategy": config.strategy.settings,
        "machine": config.machine.model_dump(),
        "model": config.model.settings,
    }
    for section, values in recipe.settings.items():
        assert values.items() <= sections[section].items()
    assert recipe.source
    assert len(set(recipe.not_here)) == len(recipe.not_here)


def test_the_published_searches_have_presets():
    assert {preset for _, preset in PRESETS} >= {
        "paper", "darts", "pc-darts", "pc-darts-imagenet", "gdas", "proxylessnas", "fairdarts", "p-darts", "spos", "fairnas", "aging",
        "random-nas",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        ("local_vim_micro", 0.012), ("local_vim_small", 0.001), ("local_vmamba_nano", 0.012), ("local_vmamba_micro", 0.006),
        ("local_vmamba_tiny", 0.001), ("vmamba_tiny", 0.001), ("vmamba_tiny_s1l8", 0.001),
    ],
)  # fmt: skip
def test_the_rate_is_that_of_the_models_width(model, rate):
    assert made(model=model).train.lr == rate
    assert made(model=model, assignments=["lr=0.5"]).train.lr == 0.5
    assert made(model=model, assignments=["optimizer=sgd"]).train.lr == 3e-3


def test_rates_fall_as_far_as_in_the_authors_code():
    """``learning_rate_min`` of DARTS, FairDARTS and GDAS is 1e-3, that of PC-DARTS and P-DARTS 0."""
    lowest = {preset: made(strategy=name, preset=preset).train.min_lr for name, preset in PRESETS}
    assert {lowest[name] for name in ("darts", "fairdarts", "gdas")} == {1e-3}
    assert {lowest[name] for name in ("pc-darts", "pc-darts-imagenet", "p-darts")} == {0.0}


def test_a_presets_name_decides_nothing_about_comparability():
    preset = STRATEGIES.get("gumbel").presets["gdas"].settings
    named, written = made(strategy="gumbel", preset="gdas"), made(strategy="gumbel", layers=[("a.toml", preset)])
    assert (named.preset, written.preset) == ("gdas", None)
    assert named.recipe() == written.recipe()


def test_train_defaults_of_a_strategy_follow_its_settings():
    assert made(assignments=["level=unrolled"]).train.optimizer == "sgd"
    assert made(assignments=["level=unrolled", "lr=0.1"]).train.lr == 0.1


def test_a_section_can_be_named():
    assert made(assignments=["train.lr=0.1"]).train.lr == 0.1
    assert made(assignments=["model.depth=2"]).model.settings == {"depth": 2}
    assert made(assignments=["machine.threads=1", "data.limit=9"]).machine.threads == 1
    assert made(assignments=["space.keep=2"]).space["keep"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"assignments": ["nope=1"]}, "unknown setting 'nope'"),
        ({"assignments": ["epoch=1"]}, "did you mean 'epochs'"),
        ({"assignments": ["train.depth=1"]}, "unknown train setting 'depth'"),
        ({"assignments": ["lr"]}, "--set takes key=value, but got 'lr'"),
        ({"assignments": ["=3"]}, "--set takes key=value"),
        ({"layers": [("a.toml", {"nope": {}})]}, "unknown section in a.toml 'nope'"),
        ({"layers": [("a.toml", {"train": {"nope": 1}})]}, "unknown train setting in a.toml 'nope'"),
        ({"layers": [("a.toml", {"train": 3})]}, "a.toml: train must be a section"),
        ({"preset": "nope"}, "'nope'; there is: darts, paper"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0, got -1"),
        ({"seed": 2**32}, "seed: input should be less than 4294967296"),
        ({"assignments": ["epochs=0"]}, "epochs: input should be greater than or equal to 1, got 0"),
        ({"assignments": ["epochs=many"]}, "epochs: input should be a valid integer"),
        ({"assignments": ["epochs=true"]}, "epochs: input should be a number, got true"),
        ({"assignments": ["alpha_lr=false"]}, "alpha_lr: input should be a number, got false"),
        ({"assignments": ["lr=nan"]}, "lr: input should be"),
        ({"assignments": ["lr=inf"]}, "lr: input should be a finite number, got inf"),
        ({"assignments": ["alpha_lr=inf"]}, "alpha_lr: input should be a finite number"),
        ({"assignments": ["lr=1e-9"]}, "min_lr <= lr must hold, but got 1e-06 and 1e-09"),
        ({"assignments": ["precision=64"]}, "precision: input should be 'auto', '32' or 'bf16', got 64"),
        ({"assignments": ["keep=9"]}, "keeps 9 of 8"),
        (
            {"assignments": ["keep=x"]},
            "keep: keep is a number of at least 1, or two in ascending order such as [2, 4], got 'x'",
        ),
        ({"assignments": ["depth=two"]}, "depth takes an integer from 1 to 1,000, but got 'two'"),
        ({"assignments": ["scan_backend=nope"]}, "'nope'"),
        ({"assignments": ["model.scan_backend=torch"]}, "did you mean 'machine.scan_backend'?"),
        ({"assignments": ["train.limit=5"]}, "did you mean 'data.limit'?"),
        ({"assignments": ["data.name=cifar10"]}, "unknown data setting 'data.name'; it is given by --data"),
        ({"assignments": ["seed=3"]}, "unknown setting 'seed'; it is given by --seed"),
        ({"layers": [("a.toml", {"seed": 3})]}, "unknown setting in a.toml 'seed'; it is given by --seed"),
        (
            {"layers": [("a.toml", {"strategy": {"name": "evolution"}})]},
            "unknown strategy setting in a.toml 'strategy.name'; it is given by --strategy",
        ),
        ({"assignments": ["flip=2"]}, "flip: input should be less than or equal to 1"),
    ],
)
def test_bad_settings_are_refused_in_one_line(arguments, says):
    assert says in refusal(**arguments)


LOSES = {
    "in a file": {"layers": [("a.toml", {"train": {"lr": "fast"}})], "assignments": ["lr=0.1"]},
    "in an earlier file": {"layers": [("a.toml", {"train": {"lr": -1}}), ("b.toml", {"train": {"lr": 0.1}})]},
    "true in a file": {"layers": [("a.toml", {"train": {"lr": True}})], "settings": {"lr": 0.1}},
    "of the model": {"layers": [("a.toml", {"model": {"depth": "two"}})], "assignments": ["depth=2"]},
    "of the space": {"layers": [("a.toml", {"space": {"keep": 9}})], "assignments": ["keep=2"]},
    "of the strategy": {"layers": [("a.toml", {"strategy": {"level": "x"}})], "assignments": ["level=joint"]},
}


@pytest.mark.parametrize("arguments", LOSES.values(), ids=LOSES)
def test_what_a_file_says_is_checked_where_it_does_not_win_too(arguments):
    assert refusal(**arguments).startswith("a.toml: ")


def test_a_flag_that_does_not_win_is_checked_too():
    assert refusal(assignments=["lr=fast", "lr=0.1"]).startswith("train setting lr: ")
    assert refusal(layers=[("", {"train": {"epochs": 0}})], assignments=["epochs=1"]).startswith("train setting epochs")


def test_rules_between_settings_hold_for_those_that_win():
    low = ("a.toml", {"train": {"lr": 1e-8}, "augment": {"erase_min": 0.9}})
    config = made(layers=[low], assignments=["min_lr=1e-9", "erase_max=1.0"])
    assert (config.train.lr, config.augment.erase_min) == (1e-8, 0.9)


def test_a_rule_of_two_settings_says_both_and_no_more():
    assert refusal(assignments=["erase_min=0.9"]).endswith("must hold, but got 0.9 and 0.33")


def test_values_are_read_as_toml_and_else_as_text():
    assert [parse_value(text) for text in ("3", "3e-4", "true", "[1, 2]", "sgd", '"7"')] == [
        3,
        3e-4,
        True,
        [1, 2],
        "sgd",
        "7",
    ]
    assert made(assignments=["precision=32"]).machine.precision == "32"


def test_a_data_root_is_kept_by_its_absolute_path():
    assert made(data_root="photos").data.root == str(Path("photos").absolute())
    assert made(data_root="").data.root == ""
    assert made(data_root="https://host/photos").data.root == "https://host/photos"


def test_config_survives_toml():
    config = made(
        preset="darts", seed=5, data_root="a b/ü", assignments=["depth=2", "keep=3", "flip=0.25", "patch_size=auto"]
    )
    text = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
    again = RunConfig(**parse_toml(text))
    assert again.model_dump(mode="json") == config.model_dump(mode="json")
    assert again.space["candidates"] == list(find_space("default8").candidates)


@given(st.floats(1e-6, 10), st.integers(1, 10**5), st.sampled_from(["adamw", "sgd"]), st.integers(1, 8))
def test_any_config_survives_toml_and_json(lr, epochs, optimizer, keep):
    config = made(settings={"lr": lr, "epochs": epochs, "optimizer": optimizer, "keep": keep})
    data = config.model_dump(mode="json", exclude_none=True)
    assert RunConfig(**parse_toml(tomli_w.dumps(data))) == config
    assert RunConfig(**json.loads(json.dumps(data))) == config


def test_what_a_run_wrote_makes_the_same_run_as_a_file():
    config = made(assignments=["lr=0.01", "depth=2", "level=bilevel", "erase=0.5"])
    data = config.model_dump(mode="json", exclude_none=True)
    layer = {
        "train": data["train"],
        "augment": data["augment"],
        "machine": data["machine"],
        "strategy": {key: value for key, value in data["strategy"].items() if key != "name"},
        "model": {key: value for key, value in data["model"].items() if key != "name"},
    }
    assert made(layers=[("config.toml", parse_toml(tomli_w.dumps(layer)))]) == config


def test_the_subject_of_a_run_is_what_it_computes_and_not_where():
    usual = made().subject()
    assert (
        made(assignments=["threads=1", "scan_backend=torch", "mixture=recompute", "precision=bf16"]).subject() == usual
    )
    for change in ("lr=0.01", "embed_dim=32", "limit=100", "augment.shift=0.25"):
        assert made(assignments=[change]).subject() != usual
    json.dumps(usual)


SETTINGS = {name: STRATEGIES.get(name).Settings for name in STRATEGIES.names()}
NUMBERS = [
    (kind, name)
    for kind in (MachineSettings, DataSettings, TrainSettings, AugmentSettings, *SETTINGS.values())
    for name, field in kind.model_fields.items()
    if {int, float} & {field.annotation, *get_args(field.annotation)}
]


@pytest.mark.parametrize("value", [1e308, 2**63, 2**70, -1e308, -(2**70), float("nan")])
def test_every_number_has_bounds_that_make_sense(value):
    """Beyond them something overflows, or never ends; a stranger to a setting finds its bounds in the message."""
    for kind, name in NUMBERS:
        with pytest.raises(ScansearchError, match=rf"{name}: .*got") as caught:
            validated(kind, {name: value}, kind.__name__)
        assert "\n" not in str(caught.value)


def test_numbers_are_found_in_all_settings():
    assert {"lr", "epochs", "image_size", "tuning", "generations", "shift", "trials", "tau_from"} <= {
        n for _, n in NUMBERS
    }


def test_threads_are_a_few_a_cpu(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert made(assignments=["threads=8"]).machine.threads == 8
    assert "threads: at most 8 threads run on this machine, 4 a CPU, got 9" in refusal(assignments=["threads=9"])
    assert "threads: at most 8" in refusal(assignments=["threads=99999"])


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("lr=1e308", "lr: input should be less than or equal to 100, got 1e+308"),
        ("epochs=1000000000", "epochs: input should be less than or equal to 100000"),
        ("image_size=100000", "image_size: input should be less than or equal to 4096"),
        ("depth=1000000000", "depth takes an integer from 1 to 1,000, but got 1000000000"),
        ("embed_dim=99999999999999999999", "an integer has at most 64 bits, but this one has"),
        ("keep=" + "[" * 5000, "nested too deeply"),
        ("keep=99999999999999999999999", "an integer has at most 64 bits, but this one has"),
        ("seed=1", "unknown setting 'seed'"),
    ],
)
def test_numbers_without_sense_are_refused_in_one_line(assignment, says):
    assert says in refusal(assignments=[assignment])


def test_a_recipe_is_all_but_where_and_how_fast():
    usual = made().recipe()
    assert {"kind", "seed", "train.lr", "augment.shift", "space.keep", "strategy.name", "strategy.level"} <= set(usual)
    assert made(assignments=["threads=1", "scan_backend=torch", "checkpoint_steps=7"], data_root="x").recipe() == usual
    for change in ({"seed": 1}, {"strategy": "gumbel"}, {"assignments": ["lr=0.1"]}, {"assignments": ["depth=2"]}):
        assert made(**change).recipe() != usual
    assert RunConfig(**parse_toml(tomli_w.dumps(made().model_dump(mode="json", exclude_none=True)))).recipe() == usual


def test_where_images_and_a_study_lie_is_not_what_makes_a_run(tmp_path):
    told = {"data": "imagefolder", "data_root": str(tmp_path), "strategy": "optuna_search"}
    config = make_config(
        space=find_space("default8"), model="local_vim_nano", settings={"storage": f"sqlite:///{tmp_path}/s.db"}, **told
    )
    assert not {"data.root", "strategy.storage"} & set(config.recipe())
    assert {"data.name", "strategy.trials", "train.epochs"} <= set(config.recipe())


@pytest.mark.parametrize(("section", "key"), [("machine", "devices"), ("train", "epochs"), ("data", "limit")])
def test_true_is_no_number_in_a_section_either(section, key):
    told = make_config(space=find_space("default8"), strategy="darts", model="local_vim_nano", data="digits")
    values = told.model_dump(mode="json", exclude_none=True)
    assert validated(RunConfig, values, "run") == told
    values[section][key] = True
    with pytest.raises(ScansearchError, match=rf"^run setting {section}\.{key}: input should be a number, got true$"):
        validated(RunConfig, values, "run")
