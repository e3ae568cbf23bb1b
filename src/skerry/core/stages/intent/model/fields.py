"""What fields of manifests hold: names, texts, expressions, quantities; and the base of every mapping in a file.

Quantities stay the text that was written, so that a document can be shown again as its author knows it; `quantities`
reads them. Constructors do not validate (msgspec): documents come from `adapters.manifests.load`, which does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from skerry.core.kernel.values import Value

API_VERSION: Literal["skerry/v1"] = "skerry/v1"


def quantity(kind: str, **bounds: str) -> Meta:
    """A text that is a quantity of a kind (`quantities.EXPECTED`), between `least` and `most` if these are given."""
    return Meta(extra={"quantity": kind, **bounds})


Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$",
        extra={"expected": "a name of lower-case letters, digits, `-` and `.`, at most 63"},
    ),
]
"""Lower-case letters, digits, `-` and `.`, at most 63: it becomes part of keys, folders and host names."""
Word = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$", extra={"expected": "a word of letters, digits and `_`, at most 63"}),
]
"""The name of a limit or metric: it must do as a name in CEL."""
Kindred = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$",
        max_length=120,
        extra={"expected": "a dotted kind such as storage.nvme, at most 120"},
    ),
]
"""A dotted kind: `storage.nvme` is also a `storage` (S4)."""
Text = Annotated[str, Meta(max_length=1024)]
Expression = Annotated[str, Meta(max_length=2048)]
"""Bare CEL."""
Cpu = Annotated[str, quantity("cpu")]
Size = Annotated[str, quantity("size")]
Duration = Annotated[str, quantity("duration")]
Ratio = Annotated[str, quantity("ratio")]
CpuShare = Annotated[str, quantity("share_cpu")]
SizeShare = Annotated[str, quantity("share_size")]
Figure = Annotated[str, quantity("figure")]
"""A bound of a standard: a figure, or a text with `${...}` that becomes one."""
Amount = Annotated[str, Meta(max_length=64)]
"""A limit's quantity, whose kind the functionality states."""
Count = Annotated[int, Meta(ge=1, le=1000)]
Weight = Annotated[int, Meta(ge=0, le=1000)]


class Part(Value, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A mapping in a manifest."""


class Metadata(Part, frozen=True, kw_only=True):
    """What a document is called."""

    name: Name
    labels: dict[str, str] = {}
