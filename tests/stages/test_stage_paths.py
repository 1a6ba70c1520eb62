"""Fields that lie in nested values of JSON records: `from: address.city`."""

from __future__ import annotations

from typing import Any

import pytest

from ri_declarative.records import Record
from ri_declarative.stages.parse import Chunk, FieldRule, Parser

CITY = FieldRule("city", ("address.city",), clean=("trim",))


def parse(rules: list[FieldRule], *sources: dict[str, Any], **options: Any) -> Chunk:
    given: dict[str, Any] = {"null_values": [""], "textual": False, "unknown_fields": "error", "open": False}
    return Parser(rules, **(given | options))([Record(n, n + 1, source) for n, source in enumerate(sources)])


def test_a_path_leads_to_a_nested_value_and_uses_its_first_key() -> None:
    birth = FieldRule("born", ("person.birth.date",), kind="date", date="%d/%m/%Y")
    record = {"address": {"city": " Köln ", "zip": "50667"}, "person": {"birth": {"date": "31/12/1999"}}}
    chunk = parse([CITY, birth], record)
    assert (chunk.data, chunk.problems) == ([{"city": "Köln", "born": "1999-12-31"}], {})


def test_a_field_may_be_named_by_its_path() -> None:
    assert parse([FieldRule("a.b", ("a.b",))], {"a": {"b": 1}}).data == [{"a.b": 1}]


def test_a_key_of_that_very_text_wins() -> None:
    record = {"address.city": "Bonn", "address": {"city": "Köln"}}
    assert parse([CITY], record, unknown_fields="ignore").data == [{"city": "Bonn"}]
    (problem,) = parse([CITY], record).problems[0]
    assert (problem.code, problem.field) == ("source.unknown_field", "address")


def test_the_longest_key_of_the_record_begins_the_path() -> None:
    rule = FieldRule("x", ("a.b.c",))
    assert parse([rule], {"a.b": {"c": 1}}, {"a": {"b": {"c": 2}}}).data == [{"x": 1}, {"x": 2}]
    assert parse([rule], {"a.b": {"c": 1}, "a": 5}, unknown_fields="ignore").data == [{"x": 1}]


@pytest.mark.parametrize("address", [None, {}, {"town": "Köln"}])
def test_what_is_not_there_is_absent(address: Any) -> None:
    assert parse([CITY], {"address": address}).data == [{}]


def test_an_explicit_null_at_the_end_of_a_path_is_a_value() -> None:
    assert parse([CITY], {"address": {"city": None}}).data == [{"city": None}]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"address": "Main St"}, 'expected an object at "address", got "Main St"'),
        ({"address": [{"city": "Köln"}]}, 'expected an object at "address", got [{"city":"Köln"}]'),
        ({"address": {"city": 5}}, None),
    ],
)
def test_a_path_through_something_else_is_a_problem_of_the_field(source: dict[str, Any], said: str | None) -> None:
    chunk = parse([CITY, FieldRule("n", ("n",), kind="integer")], source | {"n": 1})
    if said is None:
        assert chunk.data == [{"city": 5, "n": 1}]
    else:
        (problem,) = chunk.problems[0]
        assert (problem.code, problem.field, problem.message) == ("field.path", "city", said)


def test_all_problems_of_a_record_are_told_at_once() -> None:
    born = FieldRule("born", ("person.born",), kind="date", date="%d/%m/%Y")
    chunk = parse([CITY, born], {"address": 1, "person": {"born": "2000-01-01"}, "x": 1})
    assert [(p.code, p.field) for p in chunk.problems[0]] == [
        ("source.unknown_field", "x"),
        ("field.path", "city"),
        ("field.date", "born"),
    ]


@pytest.mark.parametrize("sources", [("city", "address.city"), ("home.city", "address.city")])
def test_two_values_for_one_field_are_ambiguous_and_one_of_them_is_not(sources: tuple[str, str]) -> None:
    rule = FieldRule("city", sources)
    first, _, last = sources[0].partition(".")
    other = {first: {last: "Bonn"}} if last else {first: "Bonn"}
    chunk = parse([rule], {"address": {"city": "Köln"}} | other, {"address": {}} | other, {"address": {"city": "Köln"}})
    (problem,) = chunk.problems[0]
    assert problem.code == "source.ambiguous_field"
    assert problem.message.startswith(f'keys "{sources[0]}" and "address.city" mean the same field "city"')
    assert chunk.data[1:] == [{"city": "Bonn"}, {"city": "Köln"}]


def test_an_object_may_be_a_field_and_hold_others() -> None:
    record = {"address": {"city": "Köln"}}
    assert parse([CITY, FieldRule("address", ("address",), kind="json")], record).data == [record | {"city": "Köln"}]
    assert parse([CITY], record, open=True).data == [record | {"city": "Köln"}]


def test_texts_have_no_paths() -> None:
    (problem,) = parse([CITY], {"address": "x"}, textual=True).problems[0]
    assert problem.code == "source.unknown_field"
    assert parse([CITY], {"address.city": "x"}, textual=True).data == [{"city": "x"}]
