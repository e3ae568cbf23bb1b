"""The base of every noun: an immutable record that can be encoded at any moment.

Subclasses repeat `frozen=True, kw_only=True` (msgspec does not inherit `kw_only`, and type checkers want `frozen`
repeated). What crosses the wire or a disk is encoded as a map, so that a field may be added without breaking an
older reader; what is said every second all day is encoded as an array, to whose end alone fields may be added: an older
reader passes over them there, a newer one takes the defaults. Sets and dicts are encoded in a fixed order, so that
equal values have equal bytes everywhere.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, TypeVar

import msgspec

T = TypeVar("T")

WHOLE_MAX = 1 << 53
Whole = Annotated[int, msgspec.Meta(ge=0, le=WHOLE_MAX)]
"""A term, a number, a version or a fence that somebody else names: one more than it can always be kept and sent."""

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable record."""


def encode(value: Any) -> bytes:
    """Encode a value as msgpack, with equal bytes for equal values on every machine."""
    return _ENCODER.encode(value)


def decode(raw: bytes, kind: type[T]) -> T:
    """Decode msgpack; raises `msgspec.DecodeError` (`ValidationError` is one) on anything else than a `kind`."""
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        # msgspec lets these two through as they are; whoever reads what a stranger sent looks for one kind of error.
        raise msgspec.DecodeError(f"not text, or nested too deeply: {error}") from error


def digest(value: Any) -> str:
    """A short name for a value's content: the first 16 hex digits of SHA-256 over its encoded bytes."""
    return digest_bytes(value if isinstance(value, bytes) else encode(value))


def digest_bytes(raw: bytes) -> str:
    """The first 16 hex digits of SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:16]
