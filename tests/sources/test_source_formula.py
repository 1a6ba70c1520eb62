from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ri_declarative.sources.formula import neutral, original

cells = st.text() | st.text(alphabet="'=+-@\t\r\nx")


@given(cells)
@example("'''=")
@example("=\n")
def test_a_neutral_cell_comes_back_equal_and_is_no_formula(cell):
    assert original(neutral(cell)) == cell
    assert not neutral(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(cells)
def test_only_formulas_are_changed(cell):
    assert neutral(cell) in (cell, "'" + cell)
    if not cell.lstrip("'").startswith(("=", "+", "-", "@", "\t", "\r")):
        assert neutral(cell) == cell
