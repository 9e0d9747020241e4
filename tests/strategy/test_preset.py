"""A preset says what of its source this program does otherwise: when it is chosen, before a search and in the listing."""

import json

import pytest

import scansearch
from scansearch.registry import STRATEGIES
from scansearch.strategy import Preset
from scansearch.training.events import Silent

SMALL = {"model": "local_vim_nano", "depth": 1, "epochs": 1, "limit": 64, "batch_size": 32, "validation_limit": 20}


class Hears(Silent):
    def __init__(self):
        self.heard = []

    def warned(self, message):
        self.heard.append(message)


def test_a_preset_of_which_all_is_here_has_nothing_to_say():
    assert Preset({"train": {"epochs": 1}}).notes("mine") == []


def test_a_run_says_at_its_start_and_in_its_log_what_its_preset_leaves_out(tmp_path):
    told, plain, recipe = Hears(), Hears(), STRATEGIES.get("gumbel").presets["gdas"]
    scansearch.search(tmp_path / "run", strategy="gumbel", preset="gdas", listener=told, **SMALL)
    (note,) = recipe.notes("gdas")
    assert "Nesterov momentum" in note
    assert note in told.heard
    assert note in (tmp_path / "run" / "log.txt").read_text()
    assert 'preset = "gdas"' in (tmp_path / "run" / "config.toml").read_text()
    scansearch.search(tmp_path / "plain", strategy="gumbel", listener=plain, **SMALL)
    assert note not in plain.heard


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_the_listing_shows_presets_with_their_source_and_what_they_leave_out(name, capsys):
    from scansearch.cli.strategies import command

    presets = STRATEGIES.get(name).presets
    command(name)
    text = " ".join(capsys.readouterr().out.split())
    for preset, recipe in presets.items():
        assert f"--preset {preset}: " in text
        assert recipe.source in text
        assert all(note in text for note in recipe.notes(preset))
    command(name, json=True)
    shown = json.loads(capsys.readouterr().out)["presets"]
    assert shown == json.loads(json.dumps({preset: recipe._asdict() for preset, recipe in presets.items()}))
