"""Files made from a source: their names, and that none replaces another's unasked."""

from __future__ import annotations

import pytest

from scansearch.errors import RunFolderError
from scansearch.outputs import place, stem_for_files


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("first", "first"),
        ("a/b", "a-b"),
        ("../x", "x"),
        ("a.b c", "a-b-c"),
        ("läufe_1", "läufe_1"),
        ("\x00\n", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_a_stem_is_a_plain_name(title, stem):
    assert stem_for_files(title) == stem


def test_a_long_title_stays_a_file_name(tmp_path):
    (path,) = place({"heatmap.png": b"1"}, tmp_path, source="ä" * 300)
    assert path.name.endswith("ä-heatmap.png")


def test_files_of_two_sources_lie_side_by_side(tmp_path):
    for source in ("a", "b"):
        place({"x.txt": source.encode()}, tmp_path, source=source)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a-x.txt": "a", "b-x.txt": "b"}
    assert place({"a_x.txt": b""}, tmp_path, source="a")[0].name == "a_x.txt", "it has the name already"
    assert place({"heatmap.png": b""}, tmp_path, source="heat")[0].name == "heat-heatmap.png", "another word"


def test_what_is_the_same_is_written_again_and_what_differs_is_refused(tmp_path):
    place({"x": b"1", "y": b"2"}, tmp_path, source="a")
    place({"x": b"1", "y": b"2"}, tmp_path, source="a")
    with pytest.raises(RunFolderError, match=r"^[^\n]*a-y exists and holds something else; [^\n]*--overwrite$"):
        place({"x": b"1", "new": b"", "y": b"3"}, tmp_path, source="a")
    assert not (tmp_path / "a-new").exists(), "nothing is written if anything is refused"
    place({"y": b"3"}, tmp_path, source="a", overwrite=True)
    assert (tmp_path / "a-y").read_bytes() == b"3"


@pytest.mark.parametrize("what", ["folder", "link"])
def test_what_is_no_file_is_not_replaced(what, tmp_path):
    (tmp_path / "x").mkdir() if what == "folder" else (tmp_path / "x").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="exists and holds something else"):
        place({"x": b"1"}, tmp_path)
    assert not (tmp_path / "nowhere").exists()
