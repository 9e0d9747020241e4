"""Options of a model: described and bounded by pydantic, listed for people, and refused in one line."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from scansearch.errors import ScansearchError
from scansearch.option_listing import Option, in_words, options_of, takes
from scansearch.registry import unknown_name


class ModelOptions(BaseModel):
    """Base of the options of a model family: fields with a default, a description, and a range where they are numbers.

    A float takes an integer too; apart from that a value must be of the type it is declared with.

    Raises:
        ScansearchError: If a value is not allowed, naming the option, what it takes, and the value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise self._refusal(error) from error

    def changed(self, **options: Any) -> Self:
        """The same options but for these; all are checked."""
        return type(self)(**{**dict(self), **options})

    def listed(self) -> list[Option]:
        """Every option with its value here as the default, what it takes, and what it does."""
        return options_of(type(self), dict(self))

    @classmethod
    def _refusal(cls, error: ValidationError) -> ScansearchError:
        problem = error.errors(include_url=False)[0]
        if problem["type"] == "value_error":
            return ScansearchError(str(problem["ctx"]["error"]))
        name = str(problem["loc"][0])
        if name not in cls.model_fields:
            return unknown_name("model option", name, list(cls.model_fields))
        field = cls.model_fields[name]
        form = takes(field.annotation, field.metadata)
        # Of a union pydantic complains about each member; its input is the same.
        return ScansearchError(
            f"model option {name} takes {in_words(form) or 'another type'}, but got {problem['input']!r}"
        )
