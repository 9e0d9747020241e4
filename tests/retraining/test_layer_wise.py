"""Trainings in which layers learn at rates of their own, and decay is told weight by weight."""

import pytest

import scansearch
from scansearch.errors import ScansearchError
from scansearch.retraining.model_card import write_card
from scansearch.retraining.train_run import resume_training, start_training
from scansearch.runs.run import Run
from scansearch.runs.tables import EPOCHS
from scansearch.training.events import Silent

BY_LAYER = {"layer_decay": 0.5, "without_decay": ["*.A_log"], "with_decay": ["pos_*"], "ema": 0.0, "epochs": 2}


class KilledError(Exception):
    pass


class Kill(Silent):
    def stepped(self, progress):
        if progress.step == 5:
            raise KilledError


def test_it_resumes_byte_for_byte_and_the_card_says_what_was_done(genotype, short, tmp_path):
    folders = [tmp_path / "whole", tmp_path / "cut"]
    start_training(short(**BY_LAYER), genotype, folders[0])
    with pytest.raises(KilledError):
        start_training(short(**BY_LAYER), genotype, folders[1], Kill())
    resume_training(folders[1])
    for name in ("weights.safetensors", "epochs.csv", "config.toml"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    rates = [row.lr for row in Run.open(folders[0]).rows(EPOCHS)]
    assert rates[0] > rates[1] > 0
    card = write_card(folders[0]).read_text()
    assert "Weight decay 0.04, without it: `head.bias`, `layers.*.mixer.A_log`, " in card
    assert "Each layer learns at 0.5 of the rate of the layer after it." in card


def test_lower_layers_move_less(genotype, short, tmp_path):
    settings = {"optimizer": "sgd", "weight_decay": 0.0, "ema": 0.0, "epochs": 1, "clip_norm": 0.0, "limit": 16}
    moved = {}
    for decay in (1.0, 0.1):
        fresh = start_training(
            short(**settings, lr=1e-9, min_lr=0, warmup_epochs=0), genotype, tmp_path / f"fresh-{decay}"
        )
        after = start_training(
            short(**settings, lr=10.0, warmup_epochs=0, layer_decay=decay), genotype, tmp_path / f"after-{decay}"
        )
        moved[decay] = {
            name: float((value - fresh.state_dict()[name]).norm()) for name, value in after.state_dict().items()
        }
    shares = {"head.weight": 1, "layers.1.mixer.in_proj.weight": 0.1, "patch_embed.proj.weight": 0.001}
    for name, share in shares.items():
        assert moved[0.1][name] == pytest.approx(share * moved[1.0][name], rel=0.05), name


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("[train]\nlayer_decay = 2", "layer_decay: input should be less than or equal to 1"),
        ("[train]\nwithout_decay = '*.D'", "without_decay: input should be a valid list"),
        (
            "[train]\nwith_decay = ['*.beta']",
            "with_decay has the pattern '*.beta', but no weight of this network is called so",
        ),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_one_line(recipe, says, genotype, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(recipe)
    with pytest.raises(ScansearchError) as caught:
        scansearch.train(tmp_path / "run", genotype=genotype, data="digits", recipe=path, limit=64)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
