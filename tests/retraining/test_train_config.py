"""What a training is told: by the genotype, the data set, the recipe, flags."""

import pytest

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype, published
from scansearch.registry import STRATEGIES
from scansearch.retraining.recipe import find_recipe, recipe_names
from scansearch.retraining.train_config import Subject, make_train_config
from scansearch.runs.config import RunConfig, read_config
from scansearch.runs.run import Run
from scansearch.searching.configure import make_config
from scansearch.space import find_space


def made(source, **more):
    genotype = Run.open(source).genotype
    names = {name: more.pop(name) for name in ("model", "data", "data_root") if name in more}
    return make_train_config(Subject(genotype, str(source), **names), **more)


def test_the_search_says_what_nobody_else_does(searched):
    config = made(searched)
    assert config.kind == "train"
    assert (config.model.name, config.data.name, config.data.image_size, config.data.limit) == (
        "local_vim_nano",
        "digits",
        8,
        0,
    )
    assert config.model.settings == {"depth": 2, "patch_size": 2, "drop_path": 0.05}
    assert config.augment.shift == 0.125  # what suits the data set
    assert config.genotype.directions == tuple(map(tuple, Run.open(searched).genotype.directions))


def test_later_ones_win(searched, tmp_path):
    (tmp_path / "mine.toml").write_text("[train]\nepochs = 7\nlr = 0.01\n[model]\ndrop_path = 0.3\n")
    config = made(
        searched, recipe=str(tmp_path / "mine.toml"), flags={"train": {"epochs": 8}}, assignments=["drop_path=0.2"]
    )
    assert (config.train.epochs, config.train.lr, config.train.ema) == (8, 0.01, 0.99)  # the rest is laptop's
    assert config.model.settings["drop_path"] == 0.2


def test_a_training_is_repeated_by_its_config(searched, trained, short):
    config = make_train_config(
        Subject(Run.open(trained.path).genotype, str(trained.path)), recipe=str(trained.path / "config.toml")
    )
    then = read_config(trained.path)
    assert (config.train, config.augment, config.model, config.machine) == (
        then.train,
        then.augment,
        then.model,
        then.machine,
    )
    with pytest.raises(ScansearchError, match="is of a run of kind search, but a recipe is that of a training"):
        made(searched, recipe=str(searched / "config.toml"))


def test_the_paper_trains_as_its_search_does():
    """The recipe of the final networks and the search's preset are of one file of LocalMamba's code."""
    subject = Subject(published("local_vim_tiny"), "local_vim_tiny", data="cifar10")
    config = make_train_config(subject, recipe="imagenet")
    preset = STRATEGIES.get("darts").presets["paper"].settings
    ours = config.model_dump()
    for section in ("train", "augment", "machine"):
        theirs = {key: value for key, value in preset[section].items() if key != "epochs"}
        assert {key: ours[section][key] for key in theirs} == theirs
    assert (config.train.epochs, config.train.ema) == (300, 0)
    assert config.model.settings == preset["model"]
    assert (
        find_recipe("imagenet")
        .notes("imagenet", "recipe")[0]
        .startswith("recipe imagenet leaves out or does otherwise: ")
    )


def test_recipes_are_there():
    assert recipe_names() == ["imagenet", "laptop"]
    assert find_recipe("laptop").settings["train"]["ema"] == 0.99


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("lapdog", "unknown recipe 'lapdog' (did you mean 'laptop'?)"),
        ("nowhere.toml", "cannot read this TOML file: no such file"),
        ("[data]\nlimit = 3", "unknown section in recipe"),
        ("[train]\nepoch = 3", "(did you mean 'epochs'?)"),
        ("[train]\nepochs = 0", "train setting epochs: input should be greater than or equal to 1"),
        ("[model]\ndepht = 3\n", "unknown model setting in recipe"),
        ("[model]\nname = 'vim_tiny'\n", "unknown model setting in recipe"),
        ("model = 3", "model must be a section"),
        ("not_here = 3", "source of a recipe is a text, and not_here a list of texts"),
        ("epochs = 3", "unknown section in recipe"),
        ("train = 3", "train must be a section"),
        ("[[", "is not TOML"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_line(recipe, says, searched, tmp_path):
    if "\n" in recipe or "=" in recipe or recipe == "[[":
        (tmp_path / "r.toml").write_text(recipe)
        recipe = str(tmp_path / "r.toml")
    with pytest.raises(ScansearchError) as caught:
        made(searched, recipe=recipe)
    assert says in str(caught.value)


def test_a_recipe_may_have_options_of_several_families(searched, tmp_path):
    (tmp_path / "r.toml").write_text("[model]\nmlp_ratio = 2\ndrop_path = 0.25\n")
    settings = made(searched, recipe=str(tmp_path / "r.toml")).model.settings
    assert settings["drop_path"] == 0.25
    assert "mlp_ratio" not in settings  # that of today's VMamba


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("alpha_lr=1", "unknown setting 'alpha_lr'"),
        ("ema=1", "train setting ema: input should be less than 1"),
        ("layer_decay=0", "train setting layer_decay: input should be greater than or equal to 0.01"),
        ("with_decay=[3]", "train setting with_decay.0: input should be a valid string"),
        ("seed=1", "it is given by --seed"),
        ("space=1", "unknown setting 'space'"),
        ("patch_size=0", "patch_size takes an integer from 1"),
        ("lr=1e-9", "min_lr <= lr must hold"),
        ("wings=1", "`scansearch train --genotype GENOTYPE --dry-run` lists all"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(assignment, says, searched):
    with pytest.raises(ScansearchError) as caught:
        made(searched, assignments=[assignment])
    assert says in str(caught.value)


@pytest.mark.parametrize("setting", [{"ema": 0.9}, {"layer_decay": 0.7}, {"without_decay": ["*.D"]}], ids=str)
def test_some_settings_are_of_trainings_only(setting):
    (name,) = setting
    with pytest.raises(ScansearchError, match=rf"{name} is of a training \(`scansearch train`\), but this is a search"):
        make_config(
            space=find_space("default8"), strategy="darts", model="local_vim_nano", data="digits", settings=setting
        )


def test_the_settings_survive_their_file(searched, tmp_path):
    config = made(searched)
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert read_config(tmp_path) == RunConfig(**config.model_dump())
    assert "[space]" not in config.to_toml()


def test_another_data_set_is_scaled_to_the_images_of_the_search(searched):
    config = made(searched, data="cifar10", data_root="photos")
    assert (config.data.name, config.data.image_size) == ("cifar10", 8)
    assert config.data.root.endswith("/photos")
    other = Genotype.from_directions([["h"]] * 4, model="local_vim_nano")
    assert make_train_config(Subject(other, "x", data="cifar10")).data.image_size == 0


def test_what_is_evaluated_of_images_is_recorded(genotype, searched):
    def crop(**more):
        assignments = more.pop("assignments", None)
        return make_train_config(Subject(genotype, "a genotype", **more), assignments=assignments).data.evaluation_crop

    assert crop(data="imagenet") == 0.875
    assert crop(data="imagenet", assignments=["evaluation_crop=1"]) == 1
    assert crop(data="imagefolder") == 1
    config = make_train_config(Subject(Run.open(searched).genotype, str(searched)))
    assert config.data.evaluation_crop == 1
