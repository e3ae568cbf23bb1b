"""Manifests back into text, and the JSON Schema of the format for editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from skerry.core.stages.intent.model import API_VERSION, KINDS, Manifest


def dump(manifests: Iterable[Manifest]) -> str:
    """YAML that `load` reads back into equal manifests; what has its default is left out."""
    documents = [
        {"apiVersion": API_VERSION, "kind": type(manifest).__name__, **_plain(manifest)} for manifest in manifests
    ]
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=110)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        given = {one.encode_name: getattr(value, one.name) for one in fields if not _default(one, value)}
        return {name: _plain(inner) for name, inner in given.items()}
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value


def _default(one: msgspec.structs.FieldInfo, owner: msgspec.Struct) -> bool:
    if one.required:
        return False
    default = one.default_factory() if one.default is msgspec.NODEFAULT else one.default
    return bool(getattr(owner, one.name) == default)


def schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one document of any kind."""
    kinds = tuple(KINDS.values())
    references, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Skerry manifest",
        "oneOf": list(references),
        "$defs": {
            name: _loosened({**part, "required": ["apiVersion", *part["required"]]} if name in KINDS else part)
            for name, part in components.items()
        },
    }


def _loosened(part: Any) -> Any:
    """A quantity may stand there as a bare number too: to an editor `20` is no text."""
    if isinstance(part, dict):
        inner = {key: _loosened(value) for key, value in part.items()}
        if inner.get("type") == "string" and "pattern" not in inner and "enum" not in inner:
            inner["type"] = ["string", "number"]
        return inner
    if isinstance(part, list):
        return [_loosened(value) for value in part]
    return part
