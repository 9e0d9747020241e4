"""``scansearch run --dry-run`` tells what a search would be, and does nothing."""

import json

from scansearch.documents import parse_toml
from scansearch.runs.run import Run
from scansearch.runs.tables import METRICS
from scansearch.searching.overrides import SECTIONS


def test_it_tells_the_search_that_follows(call, tiny, finished, here):
    facts = json.loads(call(*tiny, "--dry-run", "--json", "--out", "run").out)
    assert not list(here.iterdir())
    run = Run.open(finished.path)
    assert facts["settings"] == run.config.model_dump(mode="json", exclude_none=True)
    assert set(SECTIONS) < set(facts["settings"])
    assert facts["work"]["steps"] == run.rows(METRICS)[-1].step
    assert facts["space"]["genotypes"] > 1
    memory = facts["memory"]
    assert memory["optimizer"] == 2 * memory["weights"] == 8 * memory["parameters"]
    assert facts["seconds"] is None


def test_its_settings_are_readable_and_what_it_would_be_follows(call, tiny, here):
    result = call(*tiny, "--strategy", "evolution", "--set", "cycles=7", "--dry-run")
    settings, told = result.out.split("\nimages: ")
    assert parse_toml(settings)["strategy"]["cycles"] == 7
    for said in (
        "genotypes; 2 layers",
        "2 epochs of 3 steps: 6 updates of the weights, 107 genotypes judged",
        "a dry run",
    ):
        assert said in told
    assert not list(here.iterdir())


def test_a_number_of_genotypes_beyond_64_bits_is_told_in_words(call, tiny, here):
    facts = json.loads(call(*tiny, "--space", "wide32", "--set", "depth=9", "--dry-run", "--json").out)
    assert "e+" in facts["space"]["genotypes"]


def test_networks_that_are_trained_alone_need_no_steps(call, tiny, here):
    result = call(*tiny, "--strategy", "random_search", "--set", "judge=training", "--dry-run")
    assert "no supernet is trained, 100 genotypes judged at most" in result.out


def test_a_study_that_others_share_is_not_touched(call, tiny, here):
    result = call(*tiny, "--strategy", "optuna_search", "--set", "storage=study.log", "--dry-run")
    assert 'storage = "' in result.out
    assert not list(here.iterdir())


def test_what_would_keep_it_from_starting_is_said(refused, tiny, here):
    assert "patch" in refused(*tiny, "--dry-run", "--set", "patch_size=3")
    assert "--json shows a search that is not done; add --dry-run" in refused(*tiny, "--json")
    assert "must be a multiple of 2, but got 33" in refused(*tiny, "--dry-run", "--devices", "2", "--batch-size", "33")
