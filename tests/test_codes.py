"""The registry of error codes holds every code that the source can make, no other, and its page is current."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from support.codes_in_source import Use, codes_in_source

from ri_declarative import errors
from ri_declarative.cli.group import COMMANDS
from ri_declarative.codes import CODES, GROUPS, Code, Origin
from ri_declarative.codes.page import anchor, rendered
from ri_declarative.spec.hook_names import HOOKS

USES = codes_in_source()
# f"schema.{keyword}" and f"field.{shape of a date pattern}" (their members are counted in test_codes_examples.py),
# f"hook.{name}": on_item_error has none, what it raises is logged.
FAMILIES = {"schema.": {code for code in CODES if code.startswith("schema.")},
            "field.": {"field.date", "field.timestamp", "field.time"},
            "hook.": {f"hook.{name}" for name in HOOKS} - {"hook.on_item_error"}}  # fmt: skip
MAKERS = {
    Origin.RECORD: {"Problem", "Refusal", "RefusedError", "_Fault"},
    Origin.FILE: {"Diagnostic", "Finding", "Trap"},
}


def wrong(uses: list[Use], why: str) -> str:
    return "\n".join(f'{use.place}: {use.maker}("{use.code}"): {why}' for use in uses)


def test_docs_errors_md_is_current() -> None:
    file = Path(__file__).parents[1] / "docs" / "errors.md"
    assert file.read_text(encoding="utf-8") == rendered(), "run: python -m ri_declarative.codes > docs/errors.md"


def test_every_code_can_be_told_from_the_source() -> None:
    hidden = [use for use in USES if use.code is None or (use.is_prefix and use.code not in FAMILIES)]
    assert not hidden, wrong(hidden, "write the code as a literal where it is made")


def test_every_code_of_the_source_is_registered() -> None:
    missing = [use for use in USES if not use.is_prefix and use.code not in CODES]
    assert not missing, wrong(missing, "add it to ri_declarative/codes")


def test_every_registered_code_is_made_somewhere() -> None:
    made = {use.code for use in USES if not use.is_prefix}.union(*FAMILIES.values())
    assert sorted(CODES.keys() - made) == []


def test_no_code_is_registered_twice() -> None:
    counts = Counter(entry.code for group in GROUPS for entry in group.codes)
    assert [code for code, count in counts.items() if count > 1] == []


def test_the_codes_of_a_group_are_in_order() -> None:
    for group in GROUPS:
        codes = [entry.code for entry in group.codes]
        assert codes == sorted(codes, key=str.lower), group.title


def test_the_origin_is_where_the_source_makes_it() -> None:
    for origin, makers in MAKERS.items():
        astray = [u for u in USES if u.maker in makers and u.code in CODES and origin not in CODES[u.code].origins]
        assert not astray, wrong(astray, f"registered as no code of a {origin}")


def test_the_exit_code_is_that_of_the_exception() -> None:
    for use in USES:
        raised = getattr(errors, use.maker, None)
        if isinstance(raised, type) and issubclass(raised, errors.RiError) and use.code in CODES:
            entry = CODES[use.code]
            assert Origin.RUN in entry.origins, wrong([use], "registered as no code of a run")
            assert f"exit {raised.exit_code}" in entry.ends, wrong([use], f"ends with exit {raised.exit_code}")


@pytest.mark.parametrize("entry", CODES.values(), ids=CODES)
def test_an_entry_is_one_or_two_plain_sentences(entry: Code) -> None:
    for text in (entry.cause, entry.cure):
        assert text[0].isupper() or text[0] == "`", text
        assert text[-1] in ".?", text
        assert len(text) <= 200, text
    assert re.fullmatch(r"(item (failed|skipped)|exit [23]|warning)\b.*", entry.ends)
    assert not entry.example.startswith(entry.code)


def test_cures_name_commands_that_exist() -> None:
    named = {word for e in CODES.values() for word in re.findall(r"`ri ([a-z]+)", e.cause + e.cure)}
    assert named <= set(COMMANDS)


def test_every_heading_has_a_link_of_its_own() -> None:
    headings = [heading for group in GROUPS for heading in (group.title, *(entry.code for entry in group.codes))]
    assert [link for link, count in Counter(map(anchor, headings)).items() if count > 1] == []


def test_a_code_that_nobody_registered_is_found_with_its_place(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "made.py").write_text(
        "class Fault(Exception):\n"
        "    def __init__(self, code, message): ...\n"
        "class Deep(Fault):\n"
        "    pass\n"
        "class Own(Fault):\n"
        "    def __init__(self, why):\n"
        "        super().__init__('own', why)\n"
        "class Finding(NamedTuple):\n"
        "    path: str\n"
        "    code: str\n"
        "STATES = {'1': 'by-state'}\n"
        "def code_of(state):\n"
        "    return STATES[state] if state else 'unknown-state'\n"
        "def find(self, code): Finding('a', code)\n"
        "def run(word, error):\n"
        "    find('helped'); Finding('a', code='named'); error._replace(code='replaced'); Fault(error.code, '')\n"
        "    raise Deep('a' if word else 'b', 'm')\n"
        "def more(word): Fault(code_of(word), ''); Fault(f'family.{word}', ''); Fault(word, '')\n",
        encoding="utf-8",
    )
    uses = codes_in_source(package, without=tmp_path / "nowhere")
    assert {(use.code, use.place) for use in uses} == {
        ("own", "package/made.py:7"),
        ("helped", "package/made.py:16"),
        ("named", "package/made.py:16"),
        ("replaced", "package/made.py:16"),
        ("a", "package/made.py:17"),
        ("b", "package/made.py:17"),
        ("by-state", "package/made.py:18"),
        ("unknown-state", "package/made.py:18"),
        ("family.", "package/made.py:18"),
        (None, "package/made.py:18"),
    }
