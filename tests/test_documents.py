"""JSON and TOML: limits, and errors of one line."""

import json

import pytest

from scansearch.documents import parse_toml, read_json, read_toml
from scansearch.errors import ScansearchError


@pytest.mark.parametrize(
    ("content", "rule"),
    [(b"{", "line 1 column 2"), (b"\x80\x00", "binary"), (b"[" * 100_000, "nested too deeply")],
)
def test_bad_json_is_one_line(tmp_path, content, rule):
    path = tmp_path / "g.json"
    path.write_bytes(content)
    with pytest.raises(ScansearchError, match=rule) as caught:
        read_json(path, "genotype")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_missing_and_huge(tmp_path, monkeypatch):
    with pytest.raises(ScansearchError, match="no such file"):
        read_json(tmp_path / "none.json", "genotype")
    path = tmp_path / "big.json"
    path.write_text(json.dumps(list(range(1000))))
    monkeypatch.setattr("scansearch.documents.MAX_JSON_BYTES", 100)
    with pytest.raises(ScansearchError, match="at most"):
        read_json(path, "genotype")


def test_toml_has_a_size(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"#" * (3 << 20))
    with pytest.raises(ScansearchError, match="a TOML file is at most 2 MB, but this is 3 MB"):
        read_toml(tmp_path / "x.toml")


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5000 + "]" * 5000, ".".join("a" * 500_000) + " = 1", "a = " + "{a=" * 3000]
)
def test_toml_nested_deeply_is_one_line(tmp_path, text):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ScansearchError, match=r"x.toml: TOML nested at most 64 deep is read"):
        read_toml(tmp_path / "x.toml")
    with pytest.raises(ScansearchError, match="nested at most 64 deep"):
        parse_toml(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lr = 1979-05-27", "lr: no date or time is read, but this is 1979-05-27; write text in quotes"),
        ("[train]\nlr = [{a = 07:32:00}]", "train.lr.0.a: no date or time is read, but this is 07:32:00"),
        ("at = 1979-05-27 07:32:00Z", "at: no date or time is read, but this is 1979-05-27T07:32:00+00:00"),
    ],
)
def test_dates_are_shown_as_toml_has_them(text, says):
    with pytest.raises(ScansearchError) as caught:
        parse_toml(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "0x" + "f" * 20_000, "9" * 5000])
def test_integers_have_64_bits(tmp_path, number):
    (tmp_path / "x.toml").write_text(f"a = [{{b = {number}}}]")
    with pytest.raises(ScansearchError, match="64 bits|exceeds the limit"):
        read_toml(tmp_path / "x.toml")
    if not number.startswith("0x"):
        (tmp_path / "x.json").write_text(f'{{"a": [{{"b": {number}}}]}}')
        with pytest.raises(ScansearchError, match="64 bits|too long"):
            read_json(tmp_path / "x.json", "genotype")
    (tmp_path / "y.json").write_text("[9223372036854775807, -9223372036854775808]")
    assert read_json(tmp_path / "y.json", "genotype") == [2**63 - 1, -(2**63)]
