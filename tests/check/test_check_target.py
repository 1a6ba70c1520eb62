"""The target against the live database: types that never fit, what keeps rows out, what only deserves a warning."""

from __future__ import annotations

import pytest
from refusals.refusal_roles import connected_as, ordinary_role
from support.workbench import Workbench

from ri_declarative.errors import ConfigError, Diagnostic, Severity


def found(bench: Workbench, *names: str) -> list[Diagnostic]:
    """Every finding of a check."""
    with bench.manager() as manager:
        return manager.check(names)


def brief(bench: Workbench) -> list[tuple[str, str]]:
    return [(str(finding.severity), finding.code) for finding in found(bench)]


def one_field(bench: Workbench, column_type: str, schema: str, *, source: str = "") -> None:
    """A pipeline whose field `v` has this schema and goes into a column `v` of this type."""
    bench.sql(f"DROP TABLE IF EXISTS t; CREATE TABLE t (k int PRIMARY KEY, v {column_type})")
    read = f"source: {{fields: {{v: {{{source}}}}}}}\n" if source else ""
    bench.pipeline("p", f"{read}schema: {{properties: {{k: {{}}, v: {schema}}}}}\ntarget: {{table: t, key: k}}\n")


NEVER = [
    ("date", "{type: boolean}"),
    ("date", "{type: integer}"),
    ("date", "{type: string, format: date-time}"),
    ("timestamp", "{type: string, format: date-time}"),
    ("time", "{type: string, format: time}"),
    ("integer", "{type: string, format: date}"),
    ("numeric(6,2)", "{type: boolean}"),
    ("boolean", "{type: number}"),
    ("uuid", "{type: integer}"),
    ("uuid", "{type: string, format: email}"),
    ("interval", "{type: string, format: date}"),
    ("bytea", "{type: object}"),
    ("int[]", "{type: string, format: email}"),
    ("int[]", "{type: object}"),
    ("integer", "{type: [boolean, object]}"),
    ("boolean", "{type: string, enum: ['on', 'off']}"),
]
FITS = [
    ("date", "{type: string}"),
    ("integer", "{type: string}"),
    ("integer", "{type: number}"),
    ("smallint", "{type: integer, minimum: 0}"),
    ("varchar(2)", "{type: string, format: email}"),
    ("timestamptz", "{type: string, format: date-time}"),
    ("timetz", "{type: string, format: time}"),
    ("timestamp", "{type: string, format: date}"),
    ("interval", "{type: string, format: duration}"),
    ("inet", "{type: string, format: ipv4}"),
    ("text", "{type: [object, boolean]}"),
    ("jsonb", "{type: boolean}"),
    ("int[]", "{type: array}"),
    ("integer", "{type: [boolean, integer]}"),
    ("integer", "{type: ['null', integer]}"),
    ("integer", "{type: string, format: hostname}"),
    ("date", "{}"),
    ("boolean", "{type: string, enum: ['true', 'false']}"),
]


@pytest.mark.parametrize(("column_type", "schema"), NEVER, ids=lambda text: str(text))
def test_a_type_that_never_fits_its_column_is_an_error(bench: Workbench, column_type: str, schema: str) -> None:
    one_field(bench, column_type, schema)
    assert brief(bench) == [("error", "column-type")]


def test_a_type_behind_a_reference_is_seen(bench: Workbench) -> None:
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, v integer)")
    schema = "{properties: {k: {}, v: {$ref: '#/$defs/b'}}, $defs: {b: {type: boolean}}}"
    bench.pipeline("p", f"schema: {schema}\ntarget: {{table: t, key: k}}\n")
    assert brief(bench) == [("error", "column-type")]


@pytest.mark.parametrize(("column_type", "schema"), FITS, ids=lambda text: str(text))
def test_a_type_that_may_fit_its_column_is_no_finding(bench: Workbench, column_type: str, schema: str) -> None:
    one_field(bench, column_type, schema)
    assert brief(bench) == []


def test_the_message_names_field_column_and_why(bench: Workbench) -> None:
    one_field(bench, "date", "{type: boolean}")
    (finding,) = found(bench)
    assert finding.message == (
        'target.columns.v: the schema makes "v" boolean, which this column never takes: '
        "expected a date like 2026-12-31 for date, got true"
    )


def test_listed_values_that_do_not_all_fit_are_a_warning(bench: Workbench) -> None:
    bench.sql("CREATE TYPE mood AS ENUM ('good', 'bad')")
    one_field(bench, "mood", "{enum: [good, bad, ugly]}")
    (finding,) = found(bench)
    assert (finding.severity, finding.code) == (Severity.WARNING, "column-type")
    assert '"ugly"' in finding.message
    assert bench.run("p", "k,v\n1,good\n2,ugly\n").failed_items == 1


def test_listed_values_that_are_too_long_are_told(bench: Workbench) -> None:
    one_field(bench, "varchar(2)", "{type: string, enum: [DE, DEU]}")
    assert brief(bench) == [("warning", "column-type")]
    one_field(bench, "varchar(2)", "{type: string, enum: [DEU, FRA]}")
    assert brief(bench) == [("error", "column-type")]


@pytest.mark.parametrize(
    ("column_type", "pattern", "fits"),
    [
        ("date", "%d/%m/%Y", True),
        ("timestamp", "%d/%m/%Y", True),
        ("timestamp", "%d/%m/%Y %H:%M", True),
        ("date", "%d/%m/%Y %H:%M", True),  # without a type: a date and time at midnight is a date
        ("timestamp", "%d/%m/%Y %H:%M %z", False),
        ("integer", "%d/%m/%Y", False),
        ("date", "%H:%M", False),
        ("text", "%H:%M", True),
    ],
)
def test_a_date_pattern_is_held_against_its_column(
    bench: Workbench, column_type: str, pattern: str, fits: bool
) -> None:
    one_field(bench, column_type, "{}", source=f'date: "{pattern}"')
    assert brief(bench) == ([] if fits else [("error", "column-type")])


@pytest.mark.parametrize(
    ("pattern", "schema", "says"),
    [
        ("%d/%m/%Y %H:%M", "{type: string, format: date-time}", "add %z"),
        ("%H:%M", "{type: string, format: time}", "add %z"),
        ("%d/%m/%Y", "{type: string, format: date-time}", 'did you mean "date"?'),
        ("%d/%m/%Y %H:%M", "{type: string, format: date}", "leave the format out"),
        ("%d/%m/%Y %H:%M %z", "{type: string, format: date}", 'did you mean "date-time"?'),
        ("%d/%m/%Y", "{type: string, format: email}", 'did you mean "date"?'),
    ],
)
def test_a_date_pattern_whose_dates_the_format_always_refuses_is_an_error(
    bench: Workbench, pattern: str, schema: str, says: str
) -> None:
    one_field(bench, "text", schema, source=f'date: "{pattern}"')
    with bench.manager() as manager:
        (finding,) = manager.check(offline=True)
    assert finding.code == "date-format"
    assert says in finding.message
    assert (finding.position.line, finding.position.column) == (1, 23)


@pytest.mark.parametrize(("pattern", "format_"), [("%d/%m/%Y", "date"), ("%d/%m/%Y %H:%M %z", "date-time")])
def test_a_date_pattern_with_the_right_format_is_no_finding(bench: Workbench, pattern: str, format_: str) -> None:
    one_field(bench, "text", f"{{type: string, format: {format_}}}", source=f'date: "{pattern}"')
    assert brief(bench) == []


@pytest.mark.parametrize(("pattern", "schema"), [("%d.%m.", "{}"), ("%d.%m.%Y", "{type: integer}")])
def test_a_date_pattern_that_cannot_be_used_is_an_error_of_check_and_run(
    bench: Workbench, pattern: str, schema: str
) -> None:
    one_field(bench, "text", schema, source=f'date: "{pattern}"')
    assert brief(bench) == [("error", "invalid-value")]
    with pytest.raises(ConfigError) as caught:
        bench.run("p", "k,v\n1,2\n")
    assert list(caught.value.diagnostics) == found(bench)


@pytest.mark.parametrize(
    ("fact", "column_type", "fits"),
    [
        ("batch_id", "uuid", True),
        ("batch_id", "text", True),
        ("batch_id", "integer", False),
        ("started_at", "timestamp", True),
        ("started_at", "integer", False),
        ("source_name", "text", True),
        ("source_name", "date", False),
        ("line", "integer", True),
        ("line", "uuid", False),
    ],
)
def test_a_fact_about_the_run_is_held_against_its_column(
    bench: Workbench, fact: str, column_type: str, fits: bool
) -> None:
    bench.sql(f"CREATE TABLE t (k int PRIMARY KEY, v {column_type})")
    bench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k, v: {{run: {fact}}}}}}}\n")
    assert brief(bench) == ([] if fits else [("error", "column-type")])
    if fits:
        assert bench.run("p", "k\n1\n").completed_items == 1


def test_a_look_up_is_held_against_the_column_it_matches(bench: Workbench) -> None:
    bench.sql("CREATE TABLE c (id int PRIMARY KEY, since date UNIQUE); CREATE TABLE t (k int PRIMARY KEY, c int)")
    bench.pipeline(
        "p",
        "schema: {properties: {k: {}, v: {type: boolean}}}\n"
        "target:\n  table: t\n  key: k\n  columns: {k: k, c: {lookup: c, match: {since: v}, take: id}}\n",
    )
    (finding,) = found(bench)
    assert (finding.code, finding.position.line) == ("column-type", 5)
    assert finding.message.startswith("target.columns.c.match.since: ")


def test_a_run_refuses_with_the_errors_that_a_check_finds_and_leaves_warnings_out(bench: Workbench) -> None:
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, v date, w varchar(1))")
    bench.pipeline(
        "p",
        "schema: {properties: {k: {}, v: {type: boolean}, w: {enum: [a, bb]}}}\ntarget: {table: t, key: k}\n",
    )
    checked = found(bench)
    assert sorted(finding.severity for finding in checked) == [Severity.ERROR, Severity.WARNING]
    with pytest.raises(ConfigError) as caught:
        bench.run("p", "k,v,w\n1,yes,a\n")
    assert list(caught.value.diagnostics) == [f for f in checked if f.severity is Severity.ERROR]


# ── what only deserves a warning ─────────────────────────────────────────────────────────────────


def test_row_level_security_that_applies_to_the_role_is_a_warning(bench: Workbench) -> None:
    with ordinary_role(bench) as role:
        bench.sql(
            f"CREATE TABLE t (k int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY; "
            f"CREATE POLICY all_rows ON t USING (true); GRANT SELECT, INSERT, UPDATE ON t TO {role}"
        )
        bench.pipeline("p", "target: {table: t, key: k, columns: {k: k}}\n")
        assert brief(bench) == [], "its owner is not held by it"
        (finding,) = found(connected_as(bench, role))
        assert (finding.severity, finding.code) == (Severity.WARNING, "row-security")
        assert role in finding.message


def with_trigger(bench: Workbench, body: str, *, when: str = "BEFORE INSERT OR UPDATE") -> None:
    bench.sql("CREATE TABLE t (k text PRIMARY KEY, v text)")
    bench.sql(
        f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ {body} $f$; "
        f"CREATE TRIGGER tidy {when} ON t FOR EACH ROW EXECUTE FUNCTION f()"
    )
    bench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}\n")


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN NEW.k := lower(NEW.k); RETURN NEW; END",
        "BEGIN NEW.k = lower(NEW.k); RETURN NEW; END",
        "BEGIN IF true THEN new . \"k\" := 'x'; END IF; RETURN NEW; END",
        "BEGIN SELECT 'x' INTO NEW.k; RETURN NEW; END",
        "BEGIN NEW := jsonb_populate_record(NEW, '{}'); RETURN NEW; END",
        "BEGIN RETURN NULL; END",
    ],
)
def test_a_trigger_that_may_change_the_key_is_a_warning(bench: Workbench, body: str) -> None:
    with_trigger(bench, body)
    assert brief(bench) == [("warning", "key-trigger")]
    (finding,) = found(bench)
    assert '"tidy"' in finding.message


@pytest.mark.parametrize(
    ("body", "when"),
    [
        ("BEGIN NEW.v := lower(NEW.v); RETURN NEW; END", "BEFORE INSERT"),
        ("BEGIN -- NEW.k := 1\n NEW.v := 'NEW.k := 2'; /* NEW.k := 3 */ RETURN NEW; END", "BEFORE INSERT"),
        ("BEGIN IF NEW.k = 'a' THEN NEW.v := 'b'; END IF; RETURN NEW; END", "BEFORE INSERT"),
        ("BEGIN NEW.k := 'x'; RETURN NULL; END", "AFTER INSERT"),
    ],
)
def test_a_trigger_that_leaves_the_key_alone_is_no_finding(bench: Workbench, body: str, when: str) -> None:
    with_trigger(bench, body, when=when)
    assert brief(bench) == []
