"""The examples in the registry are what `ri` really says: for every code that can be had without much ado."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from support.hook_codes import HOOKS
from support.workbench import Workbench, csv_text

from ri_declarative.codes import CODES, Origin
from ri_declarative.records import Problem, Record
from ri_declarative.sources.open import open_source
from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.date_patterns import DatePattern
from ri_declarative.stages.headers import FieldRule
from ri_declarative.stages.map import CellRule, ColumnType, Mapper
from ri_declarative.stages.parse import Chunk, Parser
from ri_declarative.stages.refusal import RefusedError
from ri_declarative.stages.scalars import reader
from ri_declarative.stages.validate import Validator

HEADER = b"email,first_name,country\n"
MOOD = ColumnType("enum", labels=("happy", "sad"), name="mood")
SMALLINT = ColumnType("integer", low=-(2**15), high=2**15 - 1, name="smallint")
INTEGERS = ColumnType("array", element=ColumnType("integer", name="integer"), name="integer[]")
MONEY = ColumnType("numeric", precision=6, scale=2, name="numeric(6,2)")
TEXT = ColumnType("text", name="text")
_INCOMPRESSIBLE = "".join(random.Random(0).choices(string.ascii_letters, k=9000))
TEXT3 = ColumnType("text", length=3, name="character varying(3)")


def csv_record(text: bytes) -> Problem:
    return _first_problem(HEADER + text, format="csv")


def json_line(text: bytes) -> Problem:
    return _first_problem(text, format="jsonl")


def _first_problem(content: bytes, *, format: str) -> Problem:  # noqa: A002
    with NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        with open_source(file.name, format=format) as source:
            return next(iter(source)).problems[0]


def keys(source_data: Any) -> Problem:
    rules = [FieldRule("email", ("E-mail", "email"))]
    parser = Parser(rules, null_values=[""], textual=False, unknown_fields="error", open=False)
    return parser([Record(0, 1, source_data)]).problems[0][0]


def path(source_data: Any) -> Problem:
    rules = [FieldRule("city", ("address.city",))]
    parser = Parser(rules, null_values=[], textual=False, unknown_fields="error", open=False)
    return parser([Record(0, 1, source_data)]).problems[0][0]


def column(type_: ColumnType, value: Any) -> Problem:
    return _refused(canonical(type_), value)


def cell(kind: Any, text: str, **options: Any) -> Problem:
    read = reader(kind, **options)
    assert read is not None
    return _refused(read, text)


def _refused(read: Callable[[Any], Any], value: Any) -> Problem:
    with pytest.raises(RefusedError) as refused:
        read(value)
    return refused.value.problem("v")


def judged(schema: dict[str, Any] | bool, value: Any) -> Problem:
    return record_judged({"properties": {"v": schema}}, {"v": value})


def record_judged(schema: dict[str, Any], data: dict[str, Any]) -> Problem:
    return Validator(schema)(Chunk([data], {})).problems[0][0]


def without_key() -> Problem:
    chunk = Mapper([CellRule("email", TEXT, required=True)])(Chunk([{}], {})).chunk
    return chunk.problems[0][0]


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "source.ambiguous_field": lambda: keys({"E-mail": "a", "email": "b"}),
    "source.duplicate_key": lambda: json_line(b'{"email": "ann@example.org", "email": "ann@example.com"}'),
    "source.encoding": lambda: csv_record(b"ann@example.org,J\xf6rg,DE\n"),
    "source.json": lambda: json_line(b'{"email": "ann@example.org"'),
    "source.not_an_object": lambda: json_line(b"[1]"),
    "source.quote": lambda: csv_record(b'ann@example.org,Ann "Annie" Lee,DE\n'),
    "source.ragged": lambda: csv_record(b"ann@example.org,Lee, Ann,DE\n"),
    "source.too_long": lambda: csv_record(b"a@b.org," + b"x" * 131_073 + b",DE\n"),
    "source.unclosed_quote": lambda: csv_record(b'ann@example.org,"Ann,DE\n'),
    "source.unknown_field": lambda: keys({"emial": "ann@example.org"}),
    "source.unreadable": lambda: keys("ann@example.org,"),
    "field.array": lambda: column(INTEGERS, 5),
    "field.boolean": lambda: cell("boolean", "maybe"),
    "field.bytea": lambda: column(ColumnType("bytea", name="bytea"), "00ff"),
    "field.date": lambda: cell("date", "2026-31-12", date="%d/%m/%Y"),
    "field.encoding": lambda: column(TEXT, "a\ud800"),
    "field.enum": lambda: column(MOOD, "hapy"),
    "field.integer": lambda: cell("integer", "12.5"),
    "field.interval": lambda: column(ColumnType("interval", name="interval"), "2 days"),
    "field.json": lambda: cell("json", "{'a': 1}"),
    "field.length": lambda: column(TEXT3, "Deutschland"),
    "field.literal": lambda: column(ColumnType("parts", name="int4range"), "infinity"),
    "field.path": lambda: path({"address": "Main St 1"}),
    "field.nul": lambda: column(TEXT, "a\0"),
    "field.number": lambda: cell("number", "1.234,50"),
    "field.range": lambda: column(SMALLINT, 70_000),
    "field.scale": lambda: column(MONEY, Decimal("1.505")),
    "field.time": lambda: cell("time", "25:00"),
    "field.timestamp": lambda: cell("timestamp", "yesterday"),
    "field.type": lambda: judged({"type": "string"}, {1}),
    "field.uuid": lambda: column(ColumnType("uuid", name="uuid"), "123"),
    "target.key_missing": without_key,
    "schema.additionalProperties": lambda: record_judged({"properties": {"a": {}}, "additionalProperties": False},
                                                         {"b": 1}),
    "schema.anyOf": lambda: record_judged({"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}, {}),
    "schema.const": lambda: judged({"const": "EUR"}, "USD"),
    "schema.contains": lambda: judged({"contains": {"type": "integer"}}, ["a"]),
    "schema.dependentRequired": lambda: record_judged({"dependentRequired": {"street": ["city"]}}, {"street": "Main"}),
    "schema.enum": lambda: judged({"enum": ["DE", "FR"]}, "DEU"),
    "schema.exclusiveMaximum": lambda: judged({"exclusiveMaximum": 10}, 10),
    "schema.exclusiveMinimum": lambda: judged({"exclusiveMinimum": 0}, 0),
    "schema.falseSchema": lambda: judged(False, "secret"),
    "schema.format": lambda: judged({"format": "email"}, "ann@"),
    "schema.maxItems": lambda: judged({"maxItems": 1}, [1, 2]),
    "schema.maxLength": lambda: judged({"maxLength": 3}, "abcd"),
    "schema.maxProperties": lambda: judged({"maxProperties": 1}, {"a": 1, "b": 2}),
    "schema.maximum": lambda: judged({"maximum": 10}, 11),
    "schema.minItems": lambda: judged({"minItems": 2}, [1]),
    "schema.minLength": lambda: judged({"minLength": 2}, "a"),
    "schema.minProperties": lambda: judged({"minProperties": 2}, {"a": 1}),
    "schema.minimum": lambda: judged({"minimum": 0}, -1),
    "schema.multipleOf": lambda: judged({"multipleOf": Decimal("0.01")}, Decimal("0.005")),
    "schema.not": lambda: judged({"not": {"const": "test"}}, "test"),
    "schema.oneOf": lambda: judged({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1),
    "schema.pattern": lambda: judged({"pattern": "^[A-Z]{2}$"}, "de"),
    "schema.propertyNames": lambda: judged({"propertyNames": {"pattern": "^[a-z]+$"}}, {"A": 1}),
    "schema.required": lambda: record_judged({"required": ["email"]}, {}),
    "schema.type": lambda: judged({"type": "integer"}, "abc"),
    "schema.unevaluatedItems": lambda: judged({"unevaluatedItems": False}, [1]),
    "schema.unevaluatedProperties": lambda: record_judged({"unevaluatedProperties": False}, {"b": 1}),
    "schema.uniqueItems": lambda: judged({"uniqueItems": True}, [1, 1]),
}  # fmt: skip

# What jsonschema-rs could say in other drafts or with other options only: no code of ours.
NEVER_SAID = {"AdditionalItems", "ContentEncoding", "ContentMediaType", "Custom", "FromUtf8", "Referencing"}
NAMES = {"Constant": "const", "OneOfMultipleValid": "oneOf", "OneOfNotValid": "oneOf",
         "BacktrackLimitExceeded": "pattern", "RegexEngineFailure": "pattern"}  # fmt: skip


class Target(NamedTuple):
    """A table, a pipeline into it, and records that it refuses: each ends with the code beside it."""

    table: str
    pipeline: str
    header: str
    records: dict[str, str | None]  # line → code, None: completed

    @property
    def codes(self) -> set[str]:
        """The codes that the records end with."""
        return {code for code in self.records.values() if code}


TARGETS = [
    Target(
        "CREATE TABLE countries (code text PRIMARY KEY, id int); INSERT INTO countries VALUES ('DE', 49);"
        "CREATE TABLE customers (email text PRIMARY KEY, name text NOT NULL, balance numeric CHECK (balance >= 0),"
        " country text REFERENCES countries, country_id int, vat text UNIQUE, address inet, note text);"
        "CREATE INDEX ON customers (note); INSERT INTO customers VALUES ('old@x.org', 'Old', 1, 'DE', 49, 'V1')",
        """
        target:
          table: customers
          key: email
          on_conflict: ignore
          on_duplicate: first
          columns: {email: email, name: name, balance: balance, country: country, vat: vat, address: address,
                    note: note, country_id: {lookup: countries, match: {code: born}, take: id}}
        """,
        "email,name,balance,country,born,vat,address,note",
        {
            "a@x.org,A,1,DE,DE,,,": None,
            "a@x.org,A,1,DE,DE,,,again": "target.duplicate",
            "old@x.org,A,1,DE,DE,,,": "target.exists",
            "b@x.org,,1,DE,DE,,,": "db.not_null",
            "c@x.org,C,-5,DE,DE,,,": "db.check",
            "d@x.org,D,1,XX,DE,,,": "db.foreign_key",
            "e@x.org,E,1,DE,XX,,,": "lookup.missing",
            "f@x.org,F,1,DE,DE,V1,,": "db.unique",
            "g@x.org,G,1,DE,DE,,10.0.0,": "db.data",
            f"h@x.org,H,1,DE,DE,,,{_INCOMPRESSIBLE}": "db.too_large",
        },
    ),
    Target(
        "CREATE TABLE bookings (id int PRIMARY KEY, during int4range, EXCLUDE USING gist (during WITH &&));"
        "CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id = 7 THEN RAISE 'no imports on Sundays'; END IF; "
        "IF NEW.id = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER judge BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION judge()",
        "target: {table: bookings, key: id, columns: {id: id, during: during}}",
        "id,during",
        {
            '1,"[1,5)"': None,
            '2,"[3,9)"': "db.exclusion",
            '7,"[70,71)"': "db.raised",
            '0,"[80,81)"': "target.not_stored",
        },
    ),
    Target(
        "CREATE TABLE customers (email text PRIMARY KEY, active boolean);"
        "CREATE VIEW active_customers AS SELECT * FROM customers WHERE active WITH CHECK OPTION",
        "target: {table: active_customers, key: email, columns: {email: email, active: active}}",
        "email,active",
        {"a@x.org,yes": None, "b@x.org,no": "db.view_check"},
    ),
]
# Another role, a slow statement, a rare constraint, a whole lineage: tests/refusals and tests/laws have them.
NOT_CHEAP = {"db.row_security", "db.timeout", "db.constraint", "poison", "target.superseded"}


@pytest.mark.parametrize("code", PROBLEMS)
def test_the_example_of_a_problem_is_what_ri_says(code: str) -> None:
    problem = PROBLEMS[code]()
    assert (problem.code, problem.message) == (code, CODES[code].example)


@pytest.mark.parametrize("target", TARGETS, ids=["table", "trigger", "view"])
def test_the_example_of_a_refusal_is_what_ri_says(workbench: Workbench, target: Target) -> None:
    workbench.sql(target.table)
    workbench.pipeline("p", target.pipeline)
    batch = workbench.run("p", csv_text(target.header, target.records))
    said = {p.code: p.message for item in workbench.items(batch) for p in item.problems}
    assert [code for _, code, _ in workbench.failures(batch)] == [code for code in target.records.values() if code]
    assert said == {code: CODES[code].example for code in target.codes}


def test_every_problem_of_a_record_is_shown_for_real() -> None:
    shown = PROBLEMS.keys() | {code for target in TARGETS for code in target.codes}
    expected = NOT_CHEAP | HOOKS.keys()
    assert {c for c, entry in CODES.items() if entry.origins == (Origin.RECORD,)} - shown == expected


def test_every_keyword_that_the_validator_can_report_is_registered() -> None:
    kinds = {name for name in vars(jsonschema_rs.ValidationErrorKind) if name[0].isupper()} - NEVER_SAID
    keywords = {NAMES.get(kind, kind[0].lower() + kind[1:]) for kind in kinds} | {"dependentRequired"}
    assert {f"schema.{keyword}" for keyword in keywords} == {code for code in CODES if code.startswith("schema.")}


def test_every_shape_of_a_date_pattern_is_registered() -> None:
    assert {f"field.{DatePattern(text).shape}" for text in ("%d.%m.%Y", "%H:%M", "%d.%m.%Y %H:%M")} <= CODES.keys()
