"""The pipeline language as pydantic models: every key, its type, its default, its meaning and an example.

The one description of the language: the editor's JSON Schema and docs/pipeline-reference.md are generated
from here. Knows nothing of files, positions or databases.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ri_declarative.sources.encodings import unknown_encoding
from ri_declarative.spec.date_words import directives_meant
from ri_declarative.spec.model_parts import KeyPath, Model, Names, NamesOrNone, NonEmpty, Number, meaning
from ri_declarative.spec.positions import clip
from ri_declarative.spec.retry import RetrySpec as RetrySpec  # a part of the language like those below

# What `clean` may do to a text, applied in the order written.
Cleaner = Annotated[
    Literal["trim", "collapse_spaces", "lower", "upper", "nfc", "digits"],
    Field(
        json_schema_extra=meaning(
            trim="removes surrounding white space",
            collapse_spaces="turns each run of white space into one blank",
            lower="small letters",
            upper="capital letters",
            nfc="composes Unicode (NFC)",
            digits="keeps digits only, of any script, as 0-9",
        )
    ),
]
# What a `run:` column is filled with.
RunValue = Annotated[
    Literal["batch_id", "item_id", "started_at", "source_name", "line"],
    Field(
        json_schema_extra=meaning(
            batch_id="the batch's id, a UUID",
            item_id="the item's id, a UUID that leads from the row to the record it came from",
            started_at="when the batch began",
            source_name="the file's name",
            line="the record's first line in the file",
        )
    ),
]


def _as_column(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


DATE_DIRECTIVES = frozenset("dmYyHMSfzjbBpI%")


class FieldSpec(Model):
    """How one field is read from the source."""

    from_: Names | None = Field(
        default=None,
        alias="from",
        description="Header or headers that the field may have in the source. In JSON also a path: `address.city`. "
        "Default: its own name.",
        examples=[["E-mail", "email"]],
    )
    clean: list[Cleaner] = Field(
        default=[], description="Cleaners, applied in order before anything else.", examples=[["trim", "lower"]]
    )
    date: str | None = Field(
        default=None,
        description="How a date or a time is written, in strptime's directives: `%d/%m/%Y`. "
        "The field becomes ISO 8601.",
        examples=["%d/%m/%Y"],
    )
    decimal: Literal[".", ","] | None = Field(
        default=None, description="The decimal sign of a number. Default: `.`", examples=[","]
    )

    @field_validator("date")
    @classmethod
    def _closed_list_of_directives(cls, value: str | None) -> str | None:
        if value is None:
            return None
        found = re.findall(r"%(.?)", value.replace("%%", ""))
        wrong = sorted({f"%{d}" for d in found if d not in DATE_DIRECTIVES})
        if wrong or not found:
            known = " ".join(f"%{d}" for d in sorted(DATE_DIRECTIVES - {"%"}))
            mend = f'did you mean "{meant}"?' if (meant := directives_meant(value)) else f"known: {known}"
            raise ValueError(f"{'unknown directive ' + ', '.join(wrong) if wrong else 'no directive'}; {mend}")
        return value


class SourceSpec(Model):
    """Raw text to records."""

    match: Names | None = Field(
        default=None,
        description="The names of the files that belong here, for `ri run --all`: a pattern or a list of them, "
        "with `*`, `?` and `[…]`, without folders. Small and capital letters count.",
        examples=["customers_*.csv"],
    )
    format: Literal["csv", "tsv", "json", "jsonl"] | None = Field(
        default=None, description="How the file is written. Default: told by the file's ending.", examples=["csv"]
    )
    encoding: str | None = Field(
        default=None,
        description="How its text is encoded. Default: the byte-order mark if there is one, else utf-8.",
        examples=["latin-1"],
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="One character between cells. Default: `,` for csv, a tab for tsv.", examples=[";"]
    )
    records: KeyPath | None = Field(
        default=None,
        description="For json: the keys that lead to the array of records, joined by dots, or as a list when a key "
        "holds a dot. Default: the document is the array.",
        examples=["data.items"],
    )
    null_values: list[str] = Field(
        default=[""], description="Cells of a text source that mean: no value.", examples=[["", "n/a"]]
    )
    fields: dict[NonEmpty, FieldSpec] = Field(
        default={},
        description="Only what needs saying; other headers pass through.",
        examples=[{"email": {"from": "E-mail"}}],
    )
    same_file: Literal["again", "warn", "refuse"] = Field(
        default="warn",
        description="A file whose content was imported completely before.",
        json_schema_extra=meaning(
            again="imported again",
            warn="imported again, saying when and by which batch it came before",
            refuse="refused before anything is written",
        ),
        examples=["refuse"],
    )
    unknown_fields: Literal["error", "ignore"] = Field(
        default="error",
        description="A header that nothing uses: `error` refuses, `ignore` keeps it in source_data only.",
        json_schema_extra=meaning(error="refused before anything is written", ignore="kept in source_data only"),
        examples=["ignore"],
    )

    def matches(self, name: str) -> bool:
        """Whether the file of this name (without folders) belongs here; never without `match`.

        >>> SourceSpec(match=["customers_*.csv"]).matches("customers_2026.csv")
        True
        """
        return any(fnmatchcase(name, pattern) for pattern in self.match or ())

    @field_validator("match")
    @classmethod
    def _patterns_of_names(cls, value: list[str] | None) -> list[str] | None:
        for pattern in value or ():
            if "/" in pattern or "\\" in pattern:
                raise ValueError(f'"{clip(pattern)}" names a folder; write the pattern of the file\'s name only')
            if re.search(r"\{[^{}]*,[^{}]*\}", pattern):
                raise ValueError(f'braces are not expanded in "{clip(pattern)}"; write a list of patterns')
        return value

    @field_validator("encoding")
    @classmethod
    def _known_codec(cls, value: str | None) -> str | None:
        if value is not None and (unknown := unknown_encoding(value)):
            raise ValueError(unknown)
        return value


class ColumnSpec(Model):
    """Where one column of the target gets its value: exactly one of field, value, run, lookup."""

    field: NonEmpty | None = Field(default=None, description="A field of the record.", examples=["email"])
    value: str | int | Number | bool | None = Field(
        default=None, description="The same value for every row.", examples=["crm"]
    )
    run: RunValue | None = Field(
        default=None,
        description="A fact about the run; written only when another column changes.",
        examples=["batch_id"],
    )
    lookup: NonEmpty | None = Field(
        default=None, description="A table to look the value up in, joined by `match`.", examples=["countries"]
    )
    match: dict[NonEmpty, NonEmpty] | None = Field(
        default=None,
        description="With lookup: column of that table → field. Needs a unique index.",
        examples=[{"code": "country"}],
    )
    take: NonEmpty | None = Field(default=None, description="With lookup: the column to take.", examples=["id"])
    missing: Literal["fail", "null"] = Field(
        default="fail",
        description="With lookup: a present value without a partner fails or gives NULL.",
        json_schema_extra=meaning(fail="the record fails", null="the column becomes NULL"),
        examples=["null"],
    )
    on_update: Literal["set", "keep", "fill"] = Field(
        default="set",
        description="When the row exists: set it, keep what is there, or fill it only where NULL.",
        json_schema_extra=meaning(
            set="write the value", keep="keep what is there", fill="write it only where there is NULL"
        ),
        examples=["keep"],
    )
    on_missing: Literal["null", "keep"] = Field(
        default="null",
        description="When the field has no value and the row exists: write NULL or keep what is there.",
        json_schema_extra=meaning(null="write NULL", keep="keep what is there"),
        examples=["keep"],
    )

    @property
    def kind(self) -> Literal["field", "value", "run", "lookup"]:
        """Which of the four ways fills the column."""
        for kind in ("field", "run", "lookup"):
            if getattr(self, kind) is not None:
                return kind
        return "value"

    @property
    def fields(self) -> tuple[str, ...]:
        """The record's fields that the column is made from."""
        if self.field is not None:
            return (self.field,)
        return tuple((self.match or {}).values())

    @model_validator(mode="after")
    def _exactly_one_way(self) -> ColumnSpec:
        ways = [way for way in ("field", "value", "run", "lookup") if way in self.model_fields_set]
        if len(ways) != 1:
            raise ValueError(f"needs exactly one of field, value, run, lookup; has {', '.join(ways) or 'none'}")
        if ways != ["value"] and getattr(self, ways[0]) is None:
            raise ValueError(f"{ways[0]} names nothing; for NULL in every row write value: null")
        partners = {"match", "take", "missing"} & self.model_fields_set
        if self.lookup is None and partners:
            raise ValueError(f"{', '.join(sorted(partners))} needs lookup")
        if self.lookup is not None and not (self.match and self.take):
            raise ValueError("lookup needs match and take")
        if self.on_missing == "keep" and self.field is None and self.lookup is None:
            raise ValueError("on_missing needs field or lookup")
        return self


# A text may stand for a column that is one field.
Column = Annotated[ColumnSpec, BeforeValidator(_as_column, json_schema_input_type=NonEmpty | ColumnSpec)]


class TargetSpec(Model):
    """Records to rows."""

    table: NonEmpty = Field(
        description="The table, partitioned table or updatable view: `schema.name` or `name`, exact spelling.",
        examples=["public.customers"],
    )
    create: bool = Field(
        default=False, description="Create the table from this mapping when it is missing.", examples=[True]
    )
    key: Names = Field(
        description="The columns that identify a row; a unique index must stand behind them.",
        examples=[["email"], ["country", "number"]],
    )
    columns: Annotated[dict[NonEmpty, Column], Field(min_length=1)] | None = Field(
        default=None,
        description="Column → where its value comes from. Default: every schema property to the column of its name.",
        examples=[{"email": "email", "source": {"value": "crm"}}],
    )
    on_conflict: Literal["update", "ignore", "error"] = Field(
        default="update",
        description="The row existed before this batch: update it, skip the record, or fail it.",
        json_schema_extra=meaning(update="update the row", ignore="skip the record", error="fail the record"),
        examples=["ignore"],
    )
    on_duplicate: Literal["last", "first", "error"] = Field(
        default="last",
        description="The same key again in one batch: the last wins, the first wins, or later ones fail.",
        json_schema_extra=meaning(
            last="records are applied in file order", first="later ones are skipped", error="later ones fail"
        ),
        examples=["first"],
    )


class LimitsSpec(Model):
    """When to stop."""

    max_failed: int | str | None = Field(
        default=None,
        description="A count, checked after every chunk, or a share like `20%`, "
        "checked from 1,000 records on and at the end.",
        examples=["20%", 100],
    )

    @field_validator("max_failed")
    @classmethod
    def _count_or_share(cls, value: int | str | None) -> int | str | None:
        if isinstance(value, bool) or (isinstance(value, int) and value < 0):
            raise ValueError("expected a count of 0 or more, or a share like 20%")
        if isinstance(value, str) and not (re.fullmatch(r"\d{1,3}(\.\d+)?%", value) and float(value[:-1]) <= 100):
            raise ValueError("expected a count, or a share from 0% to 100% like 20%")
        return value


class PipelineSpec(Model):
    """One file in pipelines/: the whole language."""

    description: str | None = Field(
        default=None,
        description="What comes here, from where, how often.",
        examples=["Customers exported nightly from the CRM"],
    )
    requires: NamesOrNone = Field(
        default=[],
        description="Pipelines or processor classes that must have completed before this one runs.",
        examples=[["product_catalog"]],
    )
    source: SourceSpec = Field(
        default=SourceSpec(), description="Raw text to records.", examples=[{"format": "csv", "encoding": "latin-1"}]
    )
    record_schema: dict[str, Any] | str | None = Field(
        default=None,
        alias="schema",
        description="What a valid record is: JSON Schema 2020-12, inline or a file name in schema/.",
        examples=[{"required": ["email"], "properties": {"email": {"type": "string", "format": "email"}}}],
    )
    target: TargetSpec = Field(
        description="Records to rows.",
        examples=[{"table": "public.customers", "key": "email", "columns": {"email": "email"}}],
    )
    limits: LimitsSpec = Field(default=LimitsSpec(), description="When to stop.", examples=[{"max_failed": "20%"}])
    retry: RetrySpec = Field(
        default=RetrySpec(),
        description="What to do about a passing fault: a deadlock, a serialization failure, a lock or statement "
        "timeout.",
        examples=[{"attempts": 3, "backoff": "500ms", "max": "30s"}],
    )
    concurrency: Literal["one", "many"] = Field(
        default="one",
        description="Whether several batches of this pipeline may be worked on at once.",
        json_schema_extra=meaning(
            one="a run waits until the batch before it has ended",
            many="runs of different files go on beside each other",
        ),
        examples=["many"],
    )
    chunk_size: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=5000,
        description="Records per transaction, fewer where a record has more than 20 fields: 100,000 cells at most.",
        examples=[1000],
    )
