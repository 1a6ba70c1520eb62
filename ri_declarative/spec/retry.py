"""`retry:` of a pipeline: how often and with which pauses a chunk is tried again. Waits for nothing itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ri_declarative.spec.durations import EXPECTED, seconds
from ri_declarative.spec.model_parts import Model, NonEmpty
from ri_declarative.spec.positions import clip


def _checked(value: Any) -> Any:
    """The text as it is, so that `ri explain` shows what was written."""
    if isinstance(value, int):  # a number without its unit
        raise ValueError(f"{EXPECTED}, got {str(value).lower()}")
    if isinstance(value, str):
        try:
            seconds(value)
        except ValueError as error:
            raise ValueError(f'{error}, got "{clip(value)}"') from None
    return value


Duration = Annotated[str, BeforeValidator(_checked, json_schema_input_type=NonEmpty)]


class RetrySpec(Model):
    """What to do about a passing fault: a deadlock, a serialization failure, a lock or statement timeout."""

    attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3,
        description="How often a chunk is tried as a whole after a passing fault (deadlock, serialization, lock or "
        "statement timeout) before its records are isolated.",
        examples=[5],
    )
    backoff: Duration = Field(
        default="500ms", description="The first pause; doubled each time, with jitter.", examples=["200ms"]
    )
    max_: Duration = Field(default="30s", alias="max", description="The longest pause.", examples=["2m"])

    @property
    def backoff_s(self) -> float:
        """The first pause in seconds."""
        return seconds(self.backoff)

    @property
    def max_s(self) -> float:
        """The longest pause in seconds."""
        return seconds(self.max_)

    @model_validator(mode="after")
    def _pauses_grow(self) -> RetrySpec:
        if self.max_s < self.backoff_s:
            default = "" if "max_" in self.model_fields_set else " (the default)"
            raise ValueError(f"max {self.max_}{default} is shorter than backoff {self.backoff}; write a longer max")
        return self
