"""What genotype, space and cost table have in common as pydantic models: errors of one line, and how they become a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from typing_extensions import Self

from scansearch.arguments import typed
from scansearch.documents import first_problem
from scansearch.errors import ScansearchError
from scansearch.files import write_text


class Record(BaseModel):
    """Keeps unknown fields, whatever they hold; leaves out our own where there is nothing to say."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    @model_serializer(mode="wrap")
    def _leave_out_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        ours = type(self).model_fields
        return {name: value for name, value in handler(self).items() if value is not None or name not in ours}


class DocumentModel(BaseModel):
    """A model whose every problem is a ScansearchError of one line."""

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            raise ScansearchError(first_problem(error)) from error

    def to_json(self) -> str:
        """The document as JSON text."""
        return self.model_dump_json(indent=2, by_alias=True) + "\n"

    @typed
    def save(self, path: str | Path) -> None:
        """Writes the document as JSON, in one step."""
        write_text(Path(path), self.to_json())
