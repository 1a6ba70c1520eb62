"""What the models of the language are made of: their base, texts that stand for lists, exact numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


def meaning(**words: str) -> dict[str, Any]:
    """What each word of a closed list means, for editors and the reference."""
    return {"meanings": words}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_key_path(value: Any) -> Any:
    return value.split(".") if isinstance(value, str) else value


NonEmpty = Annotated[str, Field(min_length=1)]
# A text may stand for a list of one; `json_schema_input_type` tells messages and editors so.
NamesOrNone = Annotated[list[NonEmpty], BeforeValidator(_as_list, json_schema_input_type=NonEmpty | list[NonEmpty])]
Names = Annotated[NamesOrNone, Field(min_length=1)]
# Keys that lead into nested values; a text is split at its dots.
KeyPath = Annotated[
    list[NonEmpty],
    BeforeValidator(_as_key_path, json_schema_input_type=NonEmpty | list[NonEmpty]),
    Field(min_length=1),
]
Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]  # never through a float


class Model(BaseModel):
    """Base of all: unknown keys are errors, values are never coerced, instances are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)
