"""A table is written and read by one NamedTuple."""

import math
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.runs.table import Table
from scansearch.runs.tables import TABLES


class Fruit(NamedTuple):
    """A row of each type."""

    name: str
    count: int
    ripe: bool
    weight: float


FRUIT = Table("fruit.csv", Fruit)
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
fruits = st.builds(Fruit, words, st.integers(-(10**9), 10**9), st.booleans(), st.integers(-1000, 1000).map(float))


@given(st.lists(fruits, max_size=5))
def test_rows_come_back_as_they_were_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("table")
    (folder / "fruit.csv").write_text(FRUIT.header + FRUIT.text(rows), encoding="utf-8")
    assert FRUIT.rows(folder) == rows
    assert all([type(value) for value in row] == [str, int, bool, float] for row in FRUIT.rows(folder))


def test_a_table_that_is_not_there_has_no_rows(tmp_path):
    assert FRUIT.rows(tmp_path) == []
    assert list(FRUIT.frame(tmp_path).columns) == ["name", "count", "ripe", "weight"]


def test_numbers_that_are_none_or_infinite_are_read(tmp_path):
    (tmp_path / "fruit.csv").write_text(FRUIT.header + "a,1,0,nan\nb,2,1,inf\n")
    one, other = FRUIT.rows(tmp_path)
    assert math.isnan(one.weight)
    assert other.weight == math.inf


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,1.5,1,2\n", "line 2 has no whole number for count"),
        ("a,1,1,2\nb,1,2,2\n", "line 3 has no 0 or 1 for ripe"),
        ("a,1,1,heavy\n", "line 2 has no number for weight"),
        ("a,1,1,\n", "line 2 has no number for weight"),
        ("a,inf,1,1\n", "line 2 has no whole number for count"),
        ('"', "cannot read this table"),
    ],
)
def test_damage_is_one_line_with_its_place(tmp_path, text, says):
    (tmp_path / "fruit.csv").write_text(FRUIT.header + text)
    with pytest.raises(ScansearchError, match=says) as caught:
        FRUIT.rows(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_missing_is_named(tmp_path):
    (tmp_path / "fruit.csv").write_text("name,count,ripe\na,1,1\n")
    with pytest.raises(ScansearchError, match="has the columns name,count,ripe,weight, but weight is missing"):
        FRUIT.rows(tmp_path)


def test_a_row_of_another_table_is_refused():
    with pytest.raises(TypeError, match=r"fruit\.csv has rows of Fruit, but got \('a', 1, True, 2\.0\)"):
        FRUIT.text([("a", 1, True, 2.0)])


@pytest.mark.parametrize("table", [table for tables in TABLES.values() for table in tables], ids=lambda t: t.name)
def test_every_column_of_a_run_has_a_type_that_can_be_read(table):
    assert set(table.types.values()) <= {int, float, bool, str}
