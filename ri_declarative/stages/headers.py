"""Which header or key of a source feeds which field, and what is wrong with a header. Reads no values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ri_declarative.stages.refusal import visible
from ri_declarative.stages.scalars import Kind
from ri_declarative.words import did_you_mean, nearest


class FieldRule(NamedTuple):
    """How one field of the record is read."""

    name: str
    sources: tuple[str, ...]  # headers or keys it may come from, in order; (name,) by default
    clean: tuple[str, ...] = ()  # trim collapse_spaces lower upper nfc digits
    kind: Kind = "text"
    date: str | None = None  # pattern in strptime's directives
    decimal: str = "."


class KeyPath(NamedTuple):
    """A field's way into nested values."""

    name: str  # of the field
    text: str  # as declared: "address.city"
    keys: tuple[str, ...]  # ("address", "city"); the first is a key of the record


class Header(NamedTuple):
    """A header matched with the rules."""

    headers: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]  # per header the fields it feeds; empty: none
    unknown: tuple[str, ...]  # headers that nothing uses, where that is an error
    ambiguous: Mapping[str, tuple[str, ...]]  # field → its headers, where there is more than one
    paths: tuple[KeyPath, ...] = ()  # only of records with nested values


def match_header(
    header: Sequence[str], rules: Sequence[FieldRule], *, is_open: bool, ignore_unknown: bool, nested: bool = False
) -> Header:
    """Headers match by exact text, then by text without surrounding blanks. One header may feed several fields.

    `nested`: they are keys of records whose values may be objects, so that a source that is no key
    itself may be a path: `address.city`. A path uses its first key.
    """
    exact = _names_by_source(rules, stripped=False)
    stripped = _names_by_source(rules, stripped=True)
    own = {rule.name for rule in rules}
    names = []
    for text in header:
        bare = text.strip()
        # A field that says `from` does not also take the header of its own name.
        open_names = (bare,) if is_open and bare not in own else ()
        names.append(tuple(exact.get(text) or stripped.get(bare) or open_names))
    paths = tuple(_paths(header, rules)) if nested else ()
    entered = {path.keys[0] for path in paths}
    unused = (text for text, fed in zip(header, names, strict=True) if not fed and text not in entered)
    unknown = () if ignore_unknown else tuple(unused)
    return Header(tuple(header), tuple(names), unknown, _ambiguous(header, names), paths)


def check_header(matched: Header, rules: Sequence[FieldRule], required: Collection[str]) -> list[str]:
    """Messages for a person: unknown headers, required fields without one, fields with two."""
    accepted = {rule.name: rule.sources for rule in rules}
    fed = {name for names in matched.names for name in names}
    free = [text for text, names in zip(matched.headers, matched.names, strict=True) if not names]
    absent = [source for name, sources in accepted.items() if name not in fed for source in sources]
    messages = [unknown_message("header", text, absent) for text in matched.unknown]
    messages += [_missing_message(name, accepted.get(name, (name,)), free) for name in required if name not in fed]
    messages += [ambiguous_message("headers", name, texts) for name, texts in matched.ambiguous.items()]
    return messages


def unknown_message(what: str, text: str, candidates: Iterable[str]) -> str:
    """What to do about a header or key that nothing uses."""
    cure = "add it to source.fields or set source.unknown_fields: ignore"
    return f"unknown {what} {_quote(text)}: {cure}{did_you_mean(text, candidates)}"


def ambiguous_message(what: str, name: str, texts: Sequence[str]) -> str:
    """What to do about two headers or keys for one field."""
    listed = " and ".join(_quote(text) for text in texts)
    cure = f"keep one, or name one in source.fields.{visible(name)}.from"
    return f"{what} {listed} mean the same field {_quote(name)}: {cure}"


def _missing_message(name: str, sources: Sequence[str], free: Sequence[str]) -> str:
    found = next((near for source in sources if (near := nearest(source, free))), None)
    cure = f"; the nearest header is {_quote(found)}: add it to source.fields.{visible(name)}.from" if found else ""
    expected = " or ".join(_quote(source) for source in sources)
    return f"no header for the required field {_quote(name)}, expected {expected}{cure}"


def _paths(keys: Sequence[str], rules: Sequence[FieldRule]) -> Iterator[KeyPath]:
    """The sources that are no keys, but begin with one and a dot; with the longest, where there are several."""
    known, bare = set(keys), {key.strip() for key in keys}
    for rule in rules:
        for text in rule.sources:
            if text in known or text.strip() in bare:
                continue
            parts = text.split(".")
            heads = (".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
            head = next((head for head in heads if head in known), None)
            if head is not None:
                yield KeyPath(rule.name, text, (head, *text[len(head) + 1 :].split(".")))


def _names_by_source(rules: Sequence[FieldRule], *, stripped: bool) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for rule in rules:
        for source in dict.fromkeys(text.strip() if stripped else text for text in rule.sources):
            names.setdefault(source, []).append(rule.name)
    return names


def _ambiguous(header: Sequence[str], names: Sequence[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    for text, fed in zip(header, names, strict=True):
        for name in fed:
            headers[name] = (*headers.get(name, ()), text)
    return {name: texts for name, texts in headers.items() if len(texts) > 1}


def _quote(text: str) -> str:
    return f'"{visible(text, limit=60)}"'
