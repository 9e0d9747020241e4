"""Names of classes in a file beside the data."""

import pytest

from scansearch.data.class_names import read_class_names
from scansearch.errors import ScansearchError


def test_they_are_the_lines_that_are_not_empty(tmp_path):
    (tmp_path / "classes.txt").write_bytes("\ufeffsky\r\n\r\n  road \r\nbâtiment".encode())
    assert read_class_names(tmp_path, 3) == ("sky", "road", "bâtiment")
    assert read_class_names(tmp_path, 2) == ("sky", "road", "bâtiment")  # whether the third is there, others check


def test_without_a_file_they_are_numbers(tmp_path):
    assert read_class_names(tmp_path, 3) == ("0", "1", "2")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a\nb", "must name every class, one a line, but has 2 names and the data 3 classes; add the others"),
        (b"a\nb\na", "must give each class a name of its own, but 'a' is there twice; rename one"),
        (b"a\n\xff\nb", "must be text in UTF-8, but byte 2 is none; save it as UTF-8"),
        (b"x" * (16 * 2**20 + 1), "a list of class names is at most 16 MB"),
    ],
)
def test_what_is_no_list_of_names_is_refused(content, says, tmp_path):
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(ScansearchError) as caught:
        read_class_names(tmp_path, 3)
    assert says in str(caught.value)


def test_a_class_of_a_wild_number_is_refused(tmp_path):
    with pytest.raises(ScansearchError, match="at most 1,000,000 classes, but has the class 999,999,999,999"):
        read_class_names(tmp_path, 10**12)
