"""hooks/NAME.py, read without being run: what it defines, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ri_declarative.errors import Position, Severity
from ri_declarative.spec.edit_distance import edit_distance, near
from ri_declarative.spec.hook_file import HOOKS, HookFile, read_hook_file

TRANSFORM = "def transform_item(item, ctx): return item\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "p.py"


def read(file: Path, text: str | bytes) -> HookFile:
    file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return read_hook_file(file, "hooks/p.py")


def brief(found: HookFile) -> list[tuple[int, int, str]]:
    """Line, column and code of every finding."""
    return [(d.position.line, d.position.column, d.code) for d in found.diagnostics]


def test_every_hook_with_its_own_signature_is_right(file: Path) -> None:
    each = [f"def {name}({', '.join(taken)}): return True\n" for name, taken in HOOKS.items() if "chunk" not in name]
    found = read(file, "".join(each))
    assert (found.names, found.diagnostics) == (frozenset(HOOKS) - {"transform_chunk"}, ())


@pytest.mark.parametrize(
    "text",
    [
        "from shared import validate_item",
        "from shared import check as validate_item",
        "validate_item = make_check('email')",
        "def check(item, ctx): return True\nvalidate_item = check",
        "validate_item: object = lambda item, ctx: True",
        "validate_item, other = pair()",
        "try:\n    from fast import validate_item\nexcept ImportError:\n    def validate_item(item, ctx): return True",
        "match SPEED:\n    case 1:\n        from fast import validate_item",
        "if FAST:\n    def validate_item(item, ctx): return True\nelse:\n    def validate_item(i, c): return False",
    ],
)
def test_a_hook_may_be_bound_in_any_way(file: Path, text: str) -> None:
    assert read(file, text) == HookFile(frozenset({"validate_item"}))


@pytest.mark.parametrize(
    "text",
    [
        "class Hooks:\n    def validate_item(self, item, ctx): return True",
        "def make():\n    def validate_item(item, ctx): return True\n    return validate_item",
        "if TYPE_CHECKING:\n    from shared import validate_item",
        "if __name__ == '__main__':\n    validate_item = print",
        "validate_item: object",
        "",
        "# later\n",
    ],
)
def test_a_file_that_binds_no_hook_is_warned_of(file: Path, text: str) -> None:
    found = read(file, text)
    assert brief(found) == [(1, 1, "hook-none")]
    assert found.diagnostics[0].severity is Severity.WARNING
    assert found.names == frozenset()


def test_nothing_of_the_file_is_run(file: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    assert read(file, f"open({str(trace)!r}, 'w')\nraise SystemExit\n{TRANSFORM}").names == {"transform_item"}
    assert not trace.exists()


# --- syntax


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [  # None: the place is left to the version of Python
        ("x = 1\ndef transform_item(item, ctx)\n    return item\n", (2, 30), "expected ':'"),
        ("def validate_item(item, ctx):\nreturn True\n", (2, 1), "expected an indented block"),
        ("return 5\n", (1, 1), "'return' outside function"),
        ("def validate_item(ctx, ctx): return True\n", (1, 24), "duplicate argument 'ctx'"),
        (b"x = 1\ny = 'J\xf6rg'\n", (2, 7), "is not utf-8 text; save it as UTF-8"),
        (b"# coding: klingon\n", (1, 1), "klingon"),
        (b"# coding: rot13\n", (1, 1), "rot13 is no encoding of text"),
        (b"x = 1\0\n", (1, 1), "null bytes"),
        ("x = " + "(" * 5000, None, "too many nested parentheses"),
        ("x = " + "-" * 100_000 + "1", None, ""),
    ],
)
def test_what_is_no_python_is_told_with_its_place(
    file: Path, text: str | bytes, place: tuple[int, int] | None, told: str
) -> None:
    (finding,) = read(file, text).diagnostics
    assert finding.code == "hook-syntax"
    assert told in finding.message
    assert place in (None, finding.position[1:])


def test_an_encoding_that_python_knows_is_read_as_it_says(file: Path) -> None:
    assert read(file, b"# coding: latin-1\nname = 'J\xf6rg'\n" + TRANSFORM.encode()).diagnostics == ()
    assert read(file, b"\xef\xbb\xbf" + TRANSFORM.encode()).diagnostics == ()


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (finding,) = read_hook_file(tmp_path / "gone.py", "hooks/gone.py").diagnostics
    assert str(finding) == "hooks/gone.py:1:1: error[file-unreadable] cannot be read: No such file or directory"


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_reading_never_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.py"
    file.write_bytes(content)
    assert read_hook_file(file, "any.py").diagnostics


# --- names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("on_item_eror", "on_item_error"),
        ("transfrom_item", "transform_item"),
        ("transformItem", "transform_item"),
        ("Validate_Item", "validate_item"),
        ("validate_items", "validate_item"),
        ("on_batch_completed", "on_batch_complete"),
        ("onBatchStart", "on_batch_start"),
        ("proces_itme", "process_item"),
    ],
)
def test_a_misspelt_hook_is_told_the_right_name(file: Path, name: str, meant: str) -> None:
    found = read(file, f"{TRANSFORM if meant != 'transform_item' else ''}\ndef {name}(item, ctx): return True\n")
    (finding,) = found.diagnostics
    assert finding.code == "hook-unknown"
    assert finding.message == f'{name}: there is no such hook; did you mean "{meant}"?'


@pytest.mark.parametrize(
    "line",
    [
        "def validate_email(item): return True",
        "def _validate_items(items): return True",
        "def transform_items(items): return items",  # beside transform_item it is a helper's name
        "validate_items = ['email']",
        "class ValidateItem: pass",
        "import process_items",
        "def on_error(): pass",
        "def load_countries(ctx): pass",
    ],
)
def test_a_helper_may_have_its_own_name(file: Path, line: str) -> None:
    assert read(file, f"{TRANSFORM}{line}\n") == HookFile(frozenset({"transform_item"}))


def test_the_place_is_that_of_the_name(file: Path) -> None:
    text = "if 1:\n    'ä'; async  def on_item_eror(item, error, ctx): return True\nfrom x import a, transfrom_item\n"
    assert brief(read(file, text.replace("; async  def", "\n    async  def"))) == [
        (3, 16, "hook-unknown"),
        (4, 18, "hook-unknown"),
    ]
    assert brief(read(file, "ä = 1; validate_itme = ä()\n")) == [(1, 8, "hook-unknown")]


@given(st.text("abc_", max_size=6), st.text("abc_", max_size=6))
def test_the_distance_is_a_distance(one: str, other: str) -> None:
    found = edit_distance(one, other)
    assert found == edit_distance(other, one)
    assert (found == 0) == (one == other)
    assert abs(len(one) - len(other)) <= found <= max(len(one), len(other))


def test_a_short_name_has_room_for_fewer_slips() -> None:
    assert [near("oders", ["orders"]), near("ab", ["p"]), near("utils", ["units"])] == ["orders", None, None]


# --- functions


@pytest.mark.parametrize(
    "taken",
    [
        "item, ctx",
        "record, context",
        "item, ctx, extra=None",
        "*args",
        "item, *rest",
        "item, ctx, /",
        "a, b, *, c=1",
        "item, ctx=None, **more",
    ],
)
def test_a_hook_that_can_be_called_is_right(file: Path, taken: str) -> None:
    assert read(file, f"def validate_item({taken}): return True\n").diagnostics == ()


@pytest.mark.parametrize(
    "taken", ["", "item", "item, ctx, other", "item, *, ctx", "*, item, ctx", "a, b, *, c", "**all"]
)
def test_a_hook_that_cannot_be_called_names_what_it_gets(file: Path, taken: str) -> None:
    (finding,) = read(file, f"def validate_item({taken}): return True\n").diagnostics
    assert (finding.position, finding.code) == (Position("hooks/p.py", 1, 5), "hook-signature")
    assert finding.message == f"validate_item: takes ({taken}), but is called with (item, ctx)"


def test_the_usual_names_in_another_order_are_a_mistake(file: Path) -> None:
    (finding,) = read(file, "def on_item_error(item, ctx, error): return True\n").diagnostics
    assert finding.message.endswith("but is called with (item, error, ctx), in this order")


@pytest.mark.parametrize("value", ["lambda item: True", "check"])
def test_a_hook_that_is_assigned_is_judged_too(file: Path, value: str) -> None:
    assert brief(read(file, f"def check(item): return True\nvalidate_item = {value}\n")) == [(2, 1, "hook-signature")]


def test_a_decorated_hook_is_not_judged(file: Path) -> None:
    assert read(file, "@with_context\nasync def transform_item(item): pass\n").diagnostics == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("async def validate_item(item, ctx): return True", "is async"),
        ("def validate_item(item, ctx):\n    yield True", "has a yield"),
        ("class validate_item: pass", "is no function"),
        ("validate_item = None", "is no function"),
        ("validate_item = ['email']", "is no function"),
        ("import validate_item", "is no function"),
    ],
)
def test_a_hook_is_a_plain_function(file: Path, text: str, told: str) -> None:
    (finding,) = read(file, text).diagnostics
    assert finding.code == "hook-kind"
    assert told in finding.message


@pytest.mark.parametrize(
    "body", ["item.data['a'] = 1", "pass", "...", "return", "def inner(): return item", "f = lambda: (yield item)"]
)
@pytest.mark.parametrize("head", ["transform_item(item, ctx)", "transform_chunk(items, ctx)", "validate_item(i, c)"])
def test_a_hook_that_never_gives_its_value_is_a_slip(file: Path, head: str, body: str) -> None:
    assert brief(read(file, f"def {head}:\n    {body}\n")) == [(1, 5, "hook-value")]


@pytest.mark.parametrize(
    "body",
    [
        "return item",
        "return None",
        "raise ValueError",
        "if item:\n        return item",
        "try:\n        return 1\n    finally: pass",
    ],
)
def test_a_hook_that_may_give_a_value_is_right(file: Path, body: str) -> None:
    assert read(file, f"def transform_item(item, ctx):\n    {body}\n").diagnostics == ()


@pytest.mark.parametrize(
    "head",
    ["on_item_error(item, error, ctx)", "on_batch_start(ctx)", "on_batch_complete(ctx, success)", "process_item(i, c)"],
)
def test_a_hook_whose_value_may_be_none_needs_no_return(file: Path, head: str) -> None:
    assert read(file, f"def {head}: pass\n").diagnostics == ()


# --- what contradicts itself


def test_twins_are_refused_naming_both_lines(file: Path) -> None:
    (finding,) = read(file, "def transform_chunk(items, ctx): return items\n\n" + TRANSFORM).diagnostics
    assert (finding.position, finding.code) == (Position("hooks/p.py", 3, 5), "hook-twice")
    assert "transform_chunk in line 1 does the same work" in finding.message


def test_a_hook_defined_again_is_refused(file: Path) -> None:
    assert brief(read(file, TRANSFORM + "\n" + TRANSFORM)) == [(3, 5, "hook-twice")]


def test_import_star_is_refused(file: Path) -> None:
    assert brief(read(file, "import os\nfrom shared import *\n")) == [(2, 20, "hook-star")]


def test_all_findings_come_at_once_in_order(file: Path) -> None:
    text = "from a import *\ndef on_item_eror(item, ctx): pass\nasync def validate_item(item): return True\n"
    assert [d.code for d in read(file, text).diagnostics] == [
        "hook-star",
        "hook-unknown",
        "hook-kind",
        "hook-signature",
    ]
