from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ri_declarative.sources.formula import neutral, original

cells = st.text() | st.text(alphabet="'=+-@\t\r\nx") | st.text(alphabet="'-+1.,")
NEGATIVE_NUMBER = re.compile(r"-\d[\d.,]*")
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


@given(cells)
@example("'''=")
@example("=\n")
@example("'-3")
def test_a_neutral_cell_comes_back_equal_and_is_no_formula(cell):
    assert original(neutral(cell)) == cell
    assert not neutral(cell).startswith(BEGINNINGS) or NEGATIVE_NUMBER.fullmatch(cell)


@given(cells)
def test_only_formulas_are_changed(cell):
    assert neutral(cell) in (cell, "'" + cell)
    if not cell.lstrip("'").startswith(BEGINNINGS):
        assert neutral(cell) == cell


@pytest.mark.parametrize("cell", ["-3", "-1,50", "-1.234,56"])
def test_a_negative_number_stays_a_number_for_the_spreadsheet(cell):
    assert neutral(cell) == cell


@pytest.mark.parametrize("cell", ["-3\n", "-1+1", "-", "+3", "+4930123456", "-1.", "-A1", "-1,A1"])
def test_what_only_begins_like_a_negative_number_is_made_neutral(cell):
    assert neutral(cell) == "'" + cell
