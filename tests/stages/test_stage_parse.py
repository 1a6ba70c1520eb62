"""Records → data."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from ri_declarative.records import Problem, Record
from ri_declarative.stages.parse import Chunk, FieldRule, Parser

EMAIL = FieldRule("email", ("E-mail", "email"), ("trim", "lower"))
BALANCE = FieldRule("balance", ("balance",), kind="number", decimal=",")
SIGNED_UP = FieldRule("signed_up", ("Signed up",), kind="date", date="%d/%m/%Y")
AGE = FieldRule("age", ("age",), kind="integer")


def parser(*rules: FieldRule, textual: bool = True, nulls: Sequence[str] = ("",), **options: Any) -> Parser:
    given: dict[str, Any] = {"unknown_fields": "error", "open": False} | options
    return Parser(rules, null_values=nulls, textual=textual, **given)


def parse(read: Parser, *sources: Mapping[str, Any]) -> Chunk:
    return read([Record(index, index + 2, source) for index, source in enumerate(sources)])


def codes(chunk: Chunk, position: int = 0) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.field) for problem in chunk.problems[position]]


def test_cells_are_cleaned_then_emptied_then_read() -> None:
    read = parser(EMAIL, BALANCE, SIGNED_UP, FieldRule("note", ("note",), ("trim",)))
    chunk = parse(read, {"E-mail": " A@B.de ", "balance": "9,99", "Signed up": "03/04/2026", "note": "  "})
    assert chunk.data == [{"email": "a@b.de", "balance": Decimal("9.99"), "signed_up": "2026-04-03"}]
    assert chunk.problems == {}


def test_text_stays_text() -> None:
    chunk = parse(parser(open=True), {"zip": "01067", "id": "12345678901234567890", "phone": "+49 30", "blank": " "})
    assert chunk.data == [{"zip": "01067", "id": "12345678901234567890", "phone": "+49 30", "blank": " "}]


def test_null_values_are_the_declared_ones() -> None:
    chunk = parse(parser(EMAIL, AGE, nulls=["N/A", "-"]), {"email": "", "age": "N/A"})
    assert chunk.data == [{"email": ""}]


def test_all_problems_of_a_record_are_told_and_its_neighbours_are_untouched() -> None:
    good = {"balance": "1", "Signed up": "03/04/2026", "age": "5"}
    bad = {"balance": "1.234,56", "Signed up": "30/02/2026", "age": "x"}
    chunk = parse(parser(BALANCE, SIGNED_UP, AGE), good, bad, good)
    assert chunk.data[1] is None
    assert chunk.data[0] == chunk.data[2] == {"balance": Decimal(1), "signed_up": "2026-04-03", "age": 5}
    assert codes(chunk, 1) == [("field.number", "balance"), ("field.date", "signed_up"), ("field.integer", "age")]
    assert list(chunk.problems) == [1]


def test_an_unreadable_record_passes_its_problems_on() -> None:
    ragged = Problem("source.ragged", None, "expected 3 cells, found 2")
    chunk = parser(EMAIL)([Record(0, 2, "a,b", (ragged,)), Record(1, 3, {"email": "x"})])
    assert chunk == Chunk([None, {"email": "x"}], {0: (ragged,)})


def test_raw_text_without_problems_is_still_unreadable() -> None:
    assert codes(parser(EMAIL)([Record(0, 2, "a,b")])) == [("source.unreadable", None)]


def test_source_data_is_never_changed() -> None:
    source = {"E-mail": " A@B.de ", "age": "x", "tags": ["a"]}
    before = copy.deepcopy(source)
    for textual in (True, False):
        parse(parser(EMAIL, AGE, textual=textual, unknown_fields="ignore"), MappingProxyType(source), source)
    assert source == before


def test_an_unknown_key_is_a_problem_of_its_record_or_ignored() -> None:
    source = {"email": "x", "emial": "y"}
    assert codes(parse(parser(EMAIL), source)) == [("source.unknown_field", "emial")]
    assert parse(parser(EMAIL, unknown_fields="ignore"), source).data == [{"email": "x"}]


def test_two_keys_for_one_field_are_ambiguous_beside_all_other_problems() -> None:
    chunk = parse(parser(EMAIL, AGE, textual=False), {"E-mail": "x", "email": "y"})
    assert codes(chunk) == [("source.ambiguous_field", "email")]
    chunk = parse(parser(EMAIL, AGE), {"E-mail": "x", "email": "y", "age": "old"})
    assert codes(chunk) == [("source.ambiguous_field", "email"), ("field.integer", "age")]


def test_open_lets_unclaimed_headers_pass_under_their_own_name() -> None:
    assert parse(parser(EMAIL, open=True), {"E-mail": "X", " city ": "Bonn"}).data == [{"email": "x", "city": "Bonn"}]


def test_open_does_not_fill_a_declared_field_from_a_header_it_does_not_name() -> None:
    rule = FieldRule("email", ("E-mail",), ("lower",))
    assert codes(parse(parser(rule, open=True), {"email": "X"})) == [("source.unknown_field", "email")]


def test_a_header_matches_by_exact_text_before_text_without_blanks() -> None:
    a, b = FieldRule("a", (" x",)), FieldRule("b", ("x",))
    assert parse(parser(a, b), {" x": "1", "x": "2"}).data == [{"a": "1", "b": "2"}]
    assert parse(parser(b), {"x ": "3"}).data == [{"b": "3"}]


def test_one_header_may_feed_two_fields() -> None:
    day, text = FieldRule("day", ("when",), kind="date"), FieldRule("said", ("when",))
    assert parse(parser(day, text), {"when": "2026-01-02"}).data == [{"day": "2026-01-02", "said": "2026-01-02"}]


def test_records_with_different_keys_are_read_each_by_its_own() -> None:
    chunk = parse(parser(EMAIL, AGE, textual=False), {"email": "a"}, {"age": 1, "email": "b"}, {})
    assert chunk.data == [{"email": "a"}, {"age": 1, "email": "b"}, {}]


def test_a_million_key_orders_do_not_fill_the_memory() -> None:
    read = parser(textual=False, open=True)
    parse(read, *({f"k{n}": n} for n in range(2000)))
    assert len(read._plans) <= 256


class TestValuesOfJson:
    def test_keep_their_type_and_null_stays_explicit(self) -> None:
        source = {"email": None, "age": "5", "balance": Decimal("1.5"), "tags": ["a"]}
        rules = (EMAIL, AGE, BALANCE, FieldRule("tags", ("tags",), ("trim",)))
        assert parse(parser(*rules, textual=False), source).data == [source]

    def test_strings_are_cleaned_and_null_values_do_not_apply(self) -> None:
        assert parse(parser(EMAIL, textual=False), {"email": "  "}).data == [{"email": ""}]

    def test_declared_patterns_read_strings_only(self) -> None:
        read = parser(SIGNED_UP, BALANCE, textual=False)
        assert parse(read, {"Signed up": "03/04/2026", "balance": "9,99"}, {"balance": 9, "Signed up": None}).data == [
            {"signed_up": "2026-04-03", "balance": Decimal("9.99")},
            {"balance": 9, "signed_up": None},
        ]
        assert codes(parse(read, {"Signed up": "", "balance": "x"})) == [
            ("field.date", "signed_up"),
            ("field.number", "balance"),
        ]


def test_a_value_that_is_no_text_in_a_text_source_keeps_its_type() -> None:
    rules = (
        EMAIL,
        AGE,
        BALANCE,
        SIGNED_UP,
        FieldRule("on", ("on",), kind="boolean"),
        FieldRule("tags", ("tags",), ("digits",)),
    )
    source = {"email": None, "age": 5, "balance": Decimal("1.5"), "Signed up": None, "on": True, "tags": ["1"]}
    assert parse(parser(*rules), source).data == [
        {"email": None, "age": 5, "balance": Decimal("1.5"), "signed_up": None, "on": True, "tags": ["1"]}
    ]


def test_a_wrong_pattern_names_the_field() -> None:
    with pytest.raises(ValueError, match=r'source\.fields\.day\.date: "%m" names no year'):
        parser(FieldRule("day", ("day",), date="%m"))


class TestCheckHeader:
    def test_a_good_header_has_no_messages(self) -> None:
        assert parser(EMAIL, AGE).check_header([" E-mail", "age"], ["email"]) == []

    def test_an_unknown_header_names_the_nearest_and_the_cure(self) -> None:
        (message,) = parser(EMAIL, AGE).check_header(["emial", "age"], [])
        assert message.startswith('unknown header "emial": add it to source.fields or set')
        assert message.endswith('; did you mean "email"?')

    def test_an_unknown_header_is_fine_where_ignored_or_open(self) -> None:
        assert parser(EMAIL, unknown_fields="ignore").check_header(["email", "x"], []) == []
        assert parser(EMAIL, open=True).check_header(["email", "x"], []) == []

    def test_a_required_field_without_a_header_names_what_would_do(self) -> None:
        (message,) = parser(EMAIL, unknown_fields="ignore").check_header(["Emails"], ["email"])
        assert message.startswith('no header for the required field "email", expected "E-mail" or "email"')
        assert 'the nearest header is "Emails"' in message

    def test_a_file_with_another_delimiter_is_told_by_its_one_header(self) -> None:
        messages = parser(EMAIL, AGE).check_header(["email;age"], ["email"])
        assert len(messages) == 2

    def test_two_headers_for_one_field(self) -> None:
        (message,) = parser(EMAIL).check_header(["E-mail", "email"], ["email"])
        assert message.startswith('headers "E-mail" and "email" mean the same field "email"')

    def test_the_same_header_twice(self) -> None:
        assert len(parser(EMAIL).check_header(["email", "email"], [])) == 1
        assert len(parser(open=True).check_header(["a", "a"], [])) == 1
