"""Names, patterns and values from files: shown as they are, and never a path, markup or a control character."""

import json

import pytest

SPACE = """name = "{name}"
candidates = ["h", "h_flip", "v", "w2"]
keep = 2
constraints = [{{kind = "count", of = ["{pattern}", "*"], least = 1}}]
"""
ESCAPE = "\x1b[2J\x1b]0;title\x07\r\u202e"


@pytest.fixture
def mine(here):
    """Writes a space file with a name and a pattern."""

    def write(name="mine", pattern="h"):
        (here / "mine.toml").write_text(SPACE.format(name=name, pattern=pattern))
        return "mine.toml"

    return write


def test_a_pattern_in_brackets_is_no_markup(call, mine):
    result = call("spaces", mine(pattern="[hv]"))
    assert result.status == 0, result.err
    assert "every layer: at least 1 of [hv], *" in result.out


@pytest.mark.parametrize("pattern", ["[bold]", "[/]*", "[link=x]"])
def test_a_pattern_that_matches_nothing_is_named_as_it_is(refused, mine, pattern):
    assert f"a constraint counts '{pattern}', but no candidate of space" in refused("spaces", mine(pattern=pattern))


@pytest.mark.parametrize("name", ["/abs", "../x", "a/b", ".x", "[hv]", "nul"])
def test_a_run_is_never_outside_of_its_folder(refused, tiny, mine, here, name):
    line = refused(*tiny, "--space", mine(name=name))
    assert "name: a space has a name that may become a file: 1 to 100 letters (a-z)" in line
    assert [path.name for path in here.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("place", ["model", "name", "direction", "key", "scores"])
def test_no_control_character_of_a_genotype_reaches_the_terminal(call, here, place):
    layer = {"directions": ["h", "v"], "scores": {"h": 1.0}}
    data = {"model": "mine", "space": {"name": "mine", "candidates": ["h", "v"]}, "layers": [layer]}
    if place == "model":
        data["model"] = ESCAPE
    elif place == "name":
        data["space"]["name"] = ESCAPE
    elif place == "direction":
        layer["directions"] = [ESCAPE]
    elif place == "key":
        layer["stage" + ESCAPE] = 1
        layer["grid"] = [ESCAPE, 1]
    else:
        layer["scores"] = {ESCAPE: "high"}
    (here / "g.json").write_text(json.dumps(data))
    for command in ("plot", "export"):
        result = call(command, "g.json", "--out", "out")
        assert result.status in (0, 2), result
        assert (result.out + result.err).replace("\n", "").isprintable()


def test_a_file_name_is_shown_and_drawn_without_its_control_characters(call, here):
    (here / f"g{ESCAPE}.json").write_text('[["h", "v"], ["h", "w2"]]')
    result = call("plot", f"g{ESCAPE}.json", "--out", f"o{ESCAPE}")
    assert result.status == 0, result.err
    assert "\\x1b[2J" in result.out
    assert result.out.replace("\n", "").isprintable()
    drawn = next((here / f"o{ESCAPE}").glob("*.svg")).read_text()
    assert not {"\x1b", "\x07", "\u202e"} & set(drawn)


@pytest.mark.parametrize("command", ["plot", "export"])
def test_brackets_in_the_name_of_a_file_are_no_markup(call, here, command):
    (here / "g.json").write_text('[["h", "v"], ["h", "w2"]]')
    more = ["--to", "json"] if command == "export" else []
    assert call(command, "g.json", "--out", "[hv]", *more).out.startswith("[hv]/g-")


def test_brackets_in_the_name_of_a_run_are_no_markup(call, tiny, here):
    assert call(*tiny, "--epochs", 1, "--out", "[hv]").status == 0
    (here / "[hv]" / "figures" / "front.png").write_bytes(b"old")
    told = call("resume", "[hv]").out
    assert "\n[hv]\n" in told
    assert "load_genotype('[hv]/genotype.json')" in told
    assert "note: [hv]/figures/front.png was of an earlier result and is gone\n" in told


def test_a_value_of_ten_megabytes_is_not_printed(call, here):
    long = "x" * 10_000_000
    for data in (
        [[long]],
        {"model": long, "layers": [{"directions": ["h"]}]},
        {long: 1},
        {"layers": [{"scores": {long: "a"}}]},
    ):
        (here / "g.json").write_text(json.dumps(data))
        result = call("plot", "g.json")
        assert result.status == 2
        assert len(result.err) < 5000


@pytest.mark.parametrize(
    "arguments", [("spaces", "[hv]"), ("strategies", "[/]"), ("scans", "[bold]h"), ("export", "[hv]"), ("[hv]",)]
)
def test_what_was_typed_is_shown_as_it_was_typed(refused, arguments):
    assert arguments[-1] in refused(*arguments)
