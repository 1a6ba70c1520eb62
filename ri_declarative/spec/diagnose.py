"""Plain data against a pydantic model: the model, or one finding per wrong place.

Knows no positions and no files; what it finds is placed by positions.py. Pydantic reports one
error per member of a union; here the place is judged once, from the model's own annotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

from ri_declarative.spec.positions import Finding, KeyPath, clip
from ri_declarative.words import did_you_mean, nearest

M = TypeVar("M", bound=BaseModel)
_BASE_NAMES = {str: "a text", int: "a whole number", Decimal: "a number", bool: "true or false", dict: "a mapping"}


def validate(model: type[M], data: Any) -> M | tuple[Finding, ...]:
    """The model made of the data, or every finding: one per place."""
    try:
        return model.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        return tuple(_findings(model, data, error.errors(include_url=False)))


def _findings(model: type[BaseModel], data: Any, errors: Iterable[ErrorDetails]) -> Iterator[Finding]:
    seen: set[tuple[KeyPath, str]] = set()
    for error in errors:
        finding = _finding(model, data, error)
        # Missing keys share their parent's place, so the message tells them apart.
        place = (finding.path, finding.message if finding.code == "missing-key" else "")
        if place not in seen:
            seen.add(place)
            yield finding


def _finding(model: type[BaseModel], data: Any, error: ErrorDetails) -> Finding:
    loc, kind = error["loc"], error["type"]
    if kind == "missing":
        return Finding(_known(data, loc[:-1]), "missing-key", f'the key "{loc[-1]}" is missing')
    path = _known(data, loc)
    if kind == "extra_forbidden":
        return Finding(path, "unknown-key", unknown_key(str(path[-1]), _keys(annotation_at(model, path[:-1]))))
    if kind == "value_error":
        return Finding(path, "invalid-value", str(error["ctx"]["error"]))
    annotation = annotation_at(model, path)
    given = error["input"]
    if kind == "literal_error" and isinstance(given, str):
        return Finding(path, "unknown-value", unknown_value(given, _words(annotation)))
    if phrase := _bound(error):
        return Finding(path, "invalid-value", phrase)
    return Finding(path, "wrong-type", f"expected {describe(annotation)}, got {shown(_value_at(data, path))}")


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The message for a key that has no meaning where it stands."""
    known = list(known)
    if nearest(key, known):
        return "unknown key" + did_you_mean(key, known)
    return f"unknown key; known here: {', '.join(known)}"


def unknown_value(value: str, known: Iterable[str]) -> str:
    """The message for a word that is not in a closed list."""
    known = list(known)
    return f'"{clip(value)}" is none of {", ".join(known)}{did_you_mean(value, known)}'


def shown(value: Any) -> str:
    """The value as a message names it.

    >>> shown("20"), shown(None), shown([1])
    ('"20"', 'nothing', 'a list')
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f'"{clip(value)}"'
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return clip(str(value))


def _bound(error: ErrorDetails) -> str | None:
    """What a value of the right type must keep; None when the type itself is wrong."""
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"expected {_count(context['max_length'], 'character')}, got {shown(error['input'])}"
        case "too_short":
            return f"needs at least {_count(context['min_length'], 'entry')}"
        case "greater_than_equal":
            return f"expected {context['ge']} or more, got {shown(error['input'])}"
        case "less_than_equal":
            return f"expected {context['le']} or less, got {shown(error['input'])}"
    return None


def _count(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"{count} {noun}s"


def _known(data: Any, loc: tuple[int | str, ...]) -> KeyPath:
    """The part of pydantic's `loc` that exists in the data: names of union members are left off."""
    path: list[str | int] = []
    for part in loc:
        known = range(len(data)) if isinstance(data, list) else data if isinstance(data, dict) else ()
        if part not in known:
            break
        data = data[part]
        path.append(part)
    return tuple(path)


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def annotation_at(model: type[BaseModel], path: KeyPath) -> Any:
    """The annotation that judges the value at the path; Any beyond the language's own part."""
    annotation: Any = model
    for part in path:
        steps = (_step(member, part) for member in _members(annotation))
        annotation = next((step for step in steps if step is not None), Any)
    return annotation


def _step(annotation: Any, part: str | int) -> Any:
    if isinstance(part, str) and _is_model(annotation):
        return _hints(annotation).get(part)
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(part, str) and origin is dict:
        return args[1]
    return args[0] if isinstance(part, int) and origin is list else None


def _members(annotation: Any) -> Iterator[Any]:
    """The types that a value may have: unions and Annotated peeled off."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    elif annotation is not type(None):
        yield annotation


@cache
def _hints(model: type[BaseModel]) -> Mapping[str, Any]:
    """Key in the YAML → annotation, with its metadata."""
    hints = get_type_hints(model, include_extras=True)
    return {field.alias or name: hints[name] for name, field in model.model_fields.items()}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _keys(annotation: Any) -> list[str]:
    return [key for member in _members(annotation) if _is_model(member) for key in _hints(member)]


def _words(annotation: Any) -> list[str]:
    return [word for member in _members(annotation) if get_origin(member) is Literal for word in get_args(member)]


def describe(annotation: Any) -> str:
    """What the annotation expects, as a message says it.

    >>> describe(int | str | None), describe(Literal["a", "b"])
    ('a whole number or a text', 'one of a, b')
    """
    told = dict.fromkeys(_name(member) for member in _written(annotation))
    return " or ".join(told) or "another value"


def _written(annotation: Any) -> Iterator[Any]:
    """Like _members, with the shorthand forms that a person may write."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        shorthand = next((m.json_schema_input_type for m in metadata if isinstance(m, BeforeValidator)), inner)
        yield from _written(shorthand)
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _written(member)
    elif annotation is not type(None):
        yield annotation


def _name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return f"one of {', '.join(get_args(annotation))}"
    if origin is list:
        return "a list of texts" if str in _members(get_args(annotation)[0]) else "a list"
    if _is_model(annotation) or origin is dict:
        return "a mapping"
    return _BASE_NAMES.get(annotation, "another value")
