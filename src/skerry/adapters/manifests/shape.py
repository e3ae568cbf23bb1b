"""A tree against the type that it should have: plain data, and everything that does not fit, with its place.

The types are the structs of `core.stages.intent.model`, read by `msgspec.inspect`; msgspec itself would stop at the
first fault and knows no lines. Every branch goes on after a fault, so that one run tells all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import inspect

from skerry.adapters.manifests.tree import Mapping, Mark, Scalar, Sequence, Tree
from skerry.core.stages.intent.model import NOT_YET, NOT_YET_WORDS, nearest, quantities

BROKEN: Any = object()
"""Stands for what could not be read; its faults are known by then."""

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_TRUTH = {"true": True, "false": False}


@dataclass
class Reading:
    """One document being read: faults and places, by field."""

    kind: str
    faults: list[tuple[str, Mark, str, str]] = field(default_factory=list)
    """Field, place, message, hint."""
    places: dict[str, Mark] = field(default_factory=dict)

    def fault(self, path: str, mark: Mark, message: str, hint: str = "") -> Any:
        """One more; the value is `BROKEN`."""
        self.faults.append((path, mark, message, hint))
        return BROKEN


def read(tree: Tree, wanted: inspect.Type, path: str, reading: Reading) -> Any:
    """The data of `tree` as a `wanted`, or `BROKEN`."""
    reading.places.setdefault(path, tree.mark)
    match wanted:
        case inspect.Metadata():
            return _annotated(tree, wanted, path, reading)
        case inspect.UnionType():
            inner = [one for one in wanted.types if not isinstance(one, inspect.NoneType)]
            return None if isinstance(tree, Scalar) and tree.null else read(tree, inner[0], path, reading)
        case inspect.StructType():
            return _struct(tree, wanted, path, reading)
        case inspect.DictType():
            return _dict(tree, wanted, path, reading)
        case inspect.VarTupleType():
            return _list(tree, wanted, path, reading)
        case _:
            return _scalar(tree, wanted, path, reading)


def _annotated(tree: Tree, wanted: inspect.Metadata, path: str, reading: Reading) -> Any:
    extra = wanted.extra or {}
    if "expected" in extra and isinstance(wanted.type, inspect.StrType):
        return _text(tree, wanted.type, path, reading, extra["expected"])
    value = read(tree, wanted.type, path, reading)
    kind = extra.get("quantity")
    if value is BROKEN or kind is None:
        return value
    try:
        quantities.check(value, kind)
        if "least" in extra:
            quantities.check_between(value, kind, extra["least"], extra["most"])
    except ValueError as error:
        return reading.fault(path, tree.mark, str(error))
    return value


def _struct(tree: Tree, wanted: inspect.StructType, path: str, reading: Reading) -> Any:
    fields = {one.encode_name: one for one in wanted.fields}
    if not isinstance(tree, Mapping):
        expected = f"a mapping with {', '.join(f'`{name}`' for name in list(fields)[:6])}"
        return _unexpected(tree, expected, path, reading)
    data: dict[str, Any] = {}
    for key, value in unique(tree, path, reading):
        inner = join(path, key.text)
        known = fields.get(key.text)
        if known is None:
            if inner in NOT_YET.get(reading.kind, ()):
                reading.fault(inner, key.mark, f"field `{key.text}` of kind {reading.kind} is not supported yet")
            else:
                reading.fault(inner, key.mark, f"unknown field `{key.text}`", nearest(key.text, fields))
            continue
        _enter(inner, key, value, reading)
        if isinstance(value, Scalar) and value.null and not known.required:
            continue
        data[key.text] = read(value, known.type, inner, reading)
    given = {key.text for key, _ in tree.entries}
    for name, one in fields.items():
        if one.required and name not in given:
            mark = reading.places.get(path, tree.mark)
            reading.fault(join(path, name), mark, f"field `{name}` is missing")
    return data


def _dict(tree: Tree, wanted: inspect.DictType, path: str, reading: Reading) -> Any:
    if not isinstance(tree, Mapping):
        return _unexpected(tree, "a mapping", path, reading)
    data: dict[str, Any] = {}
    for key, value in unique(tree, path, reading):
        inner = join(path, key.text)
        _enter(inner, key, value, reading)
        read(key, wanted.key_type, inner, reading)
        data[key.text] = read(value, wanted.value_type, inner, reading)
    _check_length(len(data), wanted.min_length, wanted.max_length, path, tree.mark, reading)
    return data


def _list(tree: Tree, wanted: inspect.VarTupleType, path: str, reading: Reading) -> Any:
    if not isinstance(tree, Sequence):
        return _unexpected(tree, "a list", path, reading, "write it as `[...]`, or one `- ` a line")
    data = [read(item, wanted.item_type, f"{path}[{index}]", reading) for index, item in enumerate(tree.items)]
    _check_length(len(data), wanted.min_length, wanted.max_length, path, tree.mark, reading)
    return data


def _check_length(length: int, least: int | None, most: int | None, path: str, mark: Mark, reading: Reading) -> None:
    if least is not None and length < least:
        reading.fault(path, mark, f"expected at least {least}, found {length}")
    if most is not None and length > most:
        reading.fault(path, mark, f"expected at most {most}, found {length}")


def _scalar(tree: Tree, wanted: inspect.Type, path: str, reading: Reading) -> Any:
    match wanted:
        case inspect.StrType():
            return _text(tree, wanted, path, reading, "a text")
        case inspect.LiteralType():
            words = [str(word) for word in wanted.values]
            if isinstance(tree, Scalar) and tree.text in words:
                return tree.text
            hint = nearest(tree.text, words) if isinstance(tree, Scalar) else ""
            return _unexpected(tree, f"one of {', '.join(words)}", path, reading, hint)
        case inspect.IntType():
            return _integer(tree, wanted, path, reading)
        case inspect.BoolType():
            if isinstance(tree, Scalar) and tree.plain and tree.text in _TRUTH:
                return _TRUTH[tree.text]
            return _unexpected(tree, "true or false", path, reading)
        case _:
            raise AssertionError(f"{path}: manifests have no fields of type {wanted!r}")


def _text(tree: Tree, wanted: inspect.StrType, path: str, reading: Reading, expected: str) -> Any:
    if not isinstance(tree, Scalar) or tree.null:
        return _unexpected(tree, expected, path, reading)
    if wanted.max_length is not None and len(tree.text) > wanted.max_length:
        message = f"expected at most {wanted.max_length} characters, found {len(tree.text)}"
        return reading.fault(path, tree.mark, message)
    if wanted.pattern is not None and re.search(wanted.pattern, tree.text) is None:
        return _unexpected(tree, expected, path, reading)
    return tree.text


def _integer(tree: Tree, wanted: inspect.IntType, path: str, reading: Reading) -> Any:
    least, most = wanted.ge, wanted.le
    expected = f"a whole number from {least} to {most}" if least is not None else "a whole number"
    if not isinstance(tree, Scalar) or not tree.plain or not _INTEGER.fullmatch(tree.text):
        return _unexpected(tree, expected, path, reading)
    value = int(tree.text)
    if (least is not None and value < least) or (most is not None and value > most):
        return _unexpected(tree, expected, path, reading)
    return value


def _unexpected(tree: Tree, expected: str, path: str, reading: Reading, hint: str = "") -> Any:
    if isinstance(tree, Scalar) and tree.text in NOT_YET_WORDS.get(reading.kind, ()):
        message = f"`{tree.text}` in kind {reading.kind} is not supported yet; expected {expected}"
        return reading.fault(path, tree.mark, message)
    return reading.fault(path, tree.mark, f"expected {expected}, found {_shown(tree)}", hint)


def _shown(tree: Tree) -> str:
    match tree:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar() if tree.null:
            return "nothing"
        case Scalar():
            text = tree.text if len(tree.text) <= 60 else f"{tree.text[:57]}..."
            return f"`{text}`" if tree.plain else f'the text "{text}"'


def _enter(path: str, key: Scalar, value: Tree, reading: Reading) -> None:
    """The place of a field: of its value, if that stands on its line, else of its key."""
    reading.places[path] = value.mark if isinstance(value, Scalar) and not value.null else key.mark


def unique(tree: Mapping, path: str, reading: Reading) -> list[tuple[Scalar, Tree]]:
    """The entries, each key's first; repeated ones are faults."""
    first: dict[str, tuple[Scalar, Tree]] = {}
    for key, value in tree.entries:
        if key.text in first:
            message = f"`{key.text}` stands here twice; first in line {first[key.text][0].mark.line}"
            reading.fault(join(path, key.text), key.mark, message, "keep one of them")
        else:
            first[key.text] = (key, value)
    return list(first.values())


def join(path: str, name: str) -> str:
    """A field within a field."""
    return f"{path}.{name}" if path else name


def type_of(kind: type[msgspec.Struct], name: str) -> inspect.Type:
    """The type of one field of a struct, by the name that it has in a file."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return next(one.type for one in info.fields if one.encode_name == name)
