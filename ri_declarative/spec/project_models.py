"""ri.yaml as pydantic models: every key, its type, its default, its meaning and an example."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator

from ri_declarative.spec.durations import seconds
from ri_declarative.spec.model_parts import Model, NonEmpty
from ri_declarative.spec.retry import Duration

LEAST_LEASE_S = 0.5


class ProjectDefaults(Model):
    """`defaults:` in ri.yaml, under every pipeline's own words."""

    source: dict[str, Any] = Field(
        default={},
        description="Defaults for `source`, without fields and match.",
        examples=[{"null_values": ["", "NULL"]}],
    )
    limits: dict[str, Any] = Field(default={}, description="Defaults for `limits`.", examples=[{"max_failed": "5%"}])
    retry: dict[str, Any] = Field(default={}, description="Defaults for `retry`.", examples=[{"attempts": 5}])
    chunk_size: int | None = Field(default=None, description="Default for `chunk_size`.", examples=[2000])


class ProjectSpec(Model):
    """ri.yaml, optional."""

    database: str | None = Field(
        default=None,
        description="A DSN or the name of a service; `${VAR}` is replaced from the environment.",
        examples=["${CRM_DATABASE_URL}"],
    )
    bookkeeping_schema: str = Field(
        default="public", description="The schema of the bookkeeping tables.", examples=["imports"]
    )
    lease: Duration = Field(
        default="60s",
        description="How long a runner may be silent before another one may take its batch over.",
        examples=["2m"],
    )
    processors: list[NonEmpty] = Field(
        default=[], description="Packages with processor classes.", examples=[["myapp.processors"]]
    )
    defaults: ProjectDefaults = Field(
        default=ProjectDefaults(),
        description="Defaults for all pipelines.",
        examples=[{"limits": {"max_failed": "5%"}}],
    )

    @field_validator("lease")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if seconds(value) < LEAST_LEASE_S:
            raise ValueError(f"expected {LEAST_LEASE_S * 1000:g}ms or more: a runner must be able to renew it in time")
        return value

    @property
    def lease_s(self) -> float:
        """The lease in seconds."""
        return seconds(self.lease)

    @field_validator("bookkeeping_schema")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value):
            raise ValueError("expected a name of a-z, 0-9 and _, 63 characters at most")
        return value
