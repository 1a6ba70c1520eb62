"""The repair file: written for a person and a spreadsheet, read back exactly."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ri_declarative.errors import SourceError
from ri_declarative.sources.repair import ABSENT, Repair, from_cell, read_repairs, to_cell, write_failed


def written(header, rows) -> str:
    stream = io.StringIO(newline="")
    write_failed(stream, header, rows)
    return stream.getvalue()


@pytest.fixture
def read(tmp_path):
    def read_text(text: str, encoding: str = "utf-8") -> list[Repair]:
        path = tmp_path / "fix.csv"
        path.write_bytes(text.encode(encoding))
        return list(read_repairs(path))

    return read_text


def test_what_was_written_is_read_back_equal(read):
    header = ["email", "=cmd()", "_ri_item", "__ri_code", "'x", "a,b"]
    values = dict(zip(header, ["@x", "cr\rlf\r\n", "-1", "''=", 'q"', "  "], strict=True))
    text = written(header, [(values, "b:7", "schema.format", "=evil"), (None, "b:9", "source.ragged", "expected 6")])
    first, second = read(text)
    assert first == Repair(2, "b:7", values)
    assert second.item == "b:9"
    assert set(second.values.values()) == {""}


def test_no_cell_and_no_header_is_a_formula_in_a_spreadsheet():
    text = written(["=a"], [({"=a": "+1"}, "=item", "@code", "\terror")])
    assert text == '"\'=a","_ri_item","_ri_code","_ri_error"\n"\'+1","\'=item","\'@code","\'\terror"\n'


def test_columns_may_be_fewer_and_in_another_order(read):
    assert read("name,_ri_item,email\nAda,i1,a@b\n") == [Repair(2, "i1", {"name": "Ada", "email": "a@b"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_save_is_read(read, delimiter, encoding):
    text = '"a,b"|_ri_item|_ri_error|c\r\n"1,5"|i1|x;y,z|\u00e9\r\n'.replace("x;y,z", '"x;y,z"').replace("|", delimiter)
    assert read(text, encoding) == [Repair(2, "i1", {"a,b": "1,5", "c": "\u00e9"})]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("name,email\nAda,a@b\n", "repair-columns", "no column _ri_item"),
        ("", "source-empty", "is empty"),
        ("a,_ri_item\n1,i1\n2\n", "repair-row", "line 3 cannot be read: expected 2 cells, found 1"),
        ('a,_ri_item\n"1,i1\n', "repair-row", "line 2 cannot be read: the quote opened"),
        ("a,_ri_item\n1, \n", "repair-row", "line 2 has no _ri_item"),
        ("a,_ri_item\n1,i1\n2,i2\n3,i1\n", "repair-duplicate", "item i1 stands on line 2 and on line 4"),
    ],
)
def test_a_file_that_cannot_be_applied_is_refused_with_its_line(read, text, code, said):
    with pytest.raises(SourceError) as caught:
        read(text)
    assert caught.value.code == code
    assert said in caught.value.message


def test_a_file_that_a_spreadsheet_saved_in_its_own_encoding_is_refused(read):
    for text, place in (("a,_ri_item\n\u00e9,i1\n", "line 2"), ("\u00e9,_ri_item\na,i1\n", "the header")):
        with pytest.raises(SourceError, match=f"fix.csv: {place} is not UTF-8") as caught:
            read(text, "cp1252")
        assert caught.value.code == "repair-encoding"
        assert "CSV UTF-8" in (caught.value.hint or "")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError) as caught:
        list(read_repairs(tmp_path / "fix.csv"))
    assert caught.value.code == "source-missing"


decimals = st.decimals(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | decimals | st.text() | st.sampled_from(["12", " 1 ", '"', "null"])
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(values)
@example("")
@example(Decimal("-0"))
@example("[" * 5000)
@example(10**40)
def test_a_typed_value_comes_back_equal_and_of_its_kind(value):
    back = from_cell(to_cell(value))
    assert back == value
    assert isinstance(back, str | bool | dict | list | None) == isinstance(value, str | bool | dict | list | None)


def test_an_absent_key_is_the_empty_cell_and_nothing_else_is():
    assert to_cell(ABSENT) == ""
    assert from_cell("") is ABSENT
    assert [to_cell(value) for value in ("", None, [], {})] == ['""', "null", "[]", "{}"]


def test_a_person_can_write_plain_text_and_numbers():
    assert [from_cell(cell) for cell in ("Ada", "12", "1.50", "007", "true")] == [
        "Ada",
        12,
        Decimal("1.50"),
        "007",
        True,
    ]
