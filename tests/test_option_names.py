"""What can be set: how it is told, and what is suggested for a name that there is not."""

from __future__ import annotations

from typing import Annotated, Literal, Optional

import pytest
from pydantic import BaseModel, Field

from scansearch.option_listing import Option, takes, unknown_option

SECTIONS = {
    "train": [Option("lr", 1e-3, "number > 0", "Peak learning rate."), Option("epochs", 12, "integer >= 1", "Passes.")],
    "model": [Option("depth", 6, "integer >= 1", "Number of layers.")],
}


class Example(BaseModel):
    count: int = Field(1, ge=1)
    many: int = Field(1, ge=1, le=10_000_000)
    share: float = Field(0.5, ge=0, le=1)
    rate: float | None = Field(None, gt=0, lt=10)
    old: Optional[int] = None  # noqa: UP045
    level: Literal["joint", "bilevel"] = "joint"
    size: int | Literal["auto"] = "auto"
    fast: bool = False
    name: Annotated[str, Field(min_length=1)] = "x"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "integer >= 1"),
        ("many", "integer 1 to 10,000,000"),
        ("share", "number 0 to 1"),
        ("rate", "number > 0, < 10"),
        ("old", "integer"),
        ("level", "joint | bilevel"),
        ("size", "integer | auto"),
        ("fast", "true | false"),
        ("name", "text"),
    ],
)
def test_types_and_limits_in_words(name, text):
    field = Example.model_fields[name]
    assert takes(field.annotation, field.metadata) == text


@pytest.mark.parametrize(
    ("key", "section", "says"),
    [
        ("epoch", None, "unknown setting 'epoch' (did you mean 'epochs'?); there is: depth, epochs, lr"),
        ("learning_rate", None, "unknown setting 'learning_rate' (did you mean 'lr'?)"),
        ("layers", None, "(did you mean 'depth'?)"),
        ("modle.depth", None, "(did you mean 'model.depth'?)"),
        ("depth", "train", "(did you mean 'model.depth'?); there is: epochs, lr"),
        ("rate", None, "(did you mean 'lr'?)"),
        ("dept", None, "(did you mean 'depth'?)"),
        ("wepth", None, "unknown setting 'wepth'; there is"),
        ("wings", None, "unknown setting 'wings'; there is: depth, epochs, lr"),
        ("", None, "unknown setting ''; there is: "),
    ],
)
def test_what_may_be_meant(key, section, says):
    assert says in str(unknown_option("setting", key, SECTIONS, section))


def test_a_long_list_is_not_printed():
    many = {"train": [Option(f"x{i}", 0, "", "") for i in range(50)]}
    assert str(unknown_option("setting", "y", many)) == "unknown setting 'y'; `scansearch strategies NAME` lists all"
