"""The closed list of cleaners."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ri_declarative.stages.cleaners import CLEANERS, cleaning


@pytest.mark.parametrize(
    ("name", "text", "cleaned"),
    [
        ("trim", "\u00a0 a b\t", "a b"),
        ("collapse_spaces", " a \t\n b  c ", " a b c "),
        ("lower", "ÄB", "äb"),
        ("upper", "äb", "ÄB"),
        ("nfc", "Mu\u0308ller", "Müller"),
        ("digits", "+49 (30) 12-34", "49301234"),
        ("digits", "٣4", "34"),
        ("digits", "0012", "0012"),
    ],
)
def test_a_cleaner_does_what_its_name_says(name: str, text: str, cleaned: str) -> None:
    assert CLEANERS[name](text) == cleaned


def test_cleaners_apply_in_the_order_written() -> None:
    clean = cleaning(["trim", "collapse_spaces", "lower"])
    assert clean is not None
    assert clean("  A   B ") == "a b"


def test_no_cleaners_is_nothing_to_do() -> None:
    assert cleaning([]) is None


@pytest.mark.parametrize("name", ["trim", "collapse_spaces", "nfc", "digits"])
@given(text=st.text())
def test_cleaning_twice_changes_nothing_more(name: str, text: str) -> None:
    once = CLEANERS[name](text)
    assert CLEANERS[name](once) == once
