"""Bytes that a fuzzer chose, as choices: what is wrong with an otherwise good piece of data.

One way of breaking things for Hypothesis and for a coverage-guided fuzzer alike: both hand over bytes, and watch what
becomes of them. When the bytes are used up every choice is the first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from skerry.core.kernel.values import decode

T = TypeVar("T")

DEEP = 200
BENDS_MAX = 3


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1),
    *(0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan")),
    *("", "n1", "n2", "hq", "shop", "-", "/", "#", "../../etc", "\0", "x" * 5_000, "é\u202e", "NaN", "9" * 40),
    *(b"", b"\0" * 16, b"\xff" * 40, b"\x81", b"x" * 5_000),
    *([], {}, [[]], {"": None}, {"a": {}}, [None] * 300, _nested(DEEP)),
)
"""Values that somebody once forgot to think of."""


class Dice:
    """Choices, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        size = 1 if limit <= 256 else 4
        piece = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "big") % limit if limit > 1 else 0

    def one_of(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.below(len(choices))]

    def rest(self) -> bytes:
        """All that is left, as it is."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest


def mangled(dice: Dice, raw: bytes) -> bytes:
    """The bytes with some of them changed, left out, doubled or put in."""
    for _ in range(1 + dice.below(BENDS_MAX)):
        at = dice.below(len(raw) + 1)
        to = min(len(raw), at + 1 + dice.below(64))
        match dice.below(5):
            case 0:
                raw = raw[:at] + bytes([dice.below(256)]) + raw[at + 1 :]
            case 1:
                raw = raw[:at] + raw[to:]
            case 2:
                raw = raw[:to] + raw[at:to] + raw[to:]
            case 3:
                raw = raw[:at]
            case _:
                raw = raw[:at] + dice.rest()[:64] + raw[at:]
    return raw


def bent(dice: Dice, raw: bytes) -> bytes:
    """A message whose form is kept but for some of its parts."""
    try:
        tree = msgspec.msgpack.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return mangled(dice, raw)
    for _ in range(1 + dice.below(BENDS_MAX)):
        tree = _bent(dice, tree)
    try:
        return msgspec.msgpack.encode(tree)
    except (OverflowError, ValueError):
        return raw


def bent_json(dice: Dice, text: bytes) -> bytes:
    """The same of JSON: what it is made of is bent, and its form is kept."""
    tree = json.loads(text)
    for _ in range(1 + dice.below(BENDS_MAX)):
        tree = _bent(dice, tree)
    return json.dumps(tree, ensure_ascii=False, default=bytes.hex).encode(errors="surrogatepass")


def grown_text(dice: Dice, seeds: tuple[str, ...]) -> bytes:
    """One of the texts, with lines or bytes of it mangled."""
    text = dice.one_of(seeds).encode()
    if dice.below(2):
        return mangled(dice, text)
    lines = text.split(b"\n")
    for _ in range(1 + dice.below(4)):
        at, other = dice.below(len(lines)), dice.one_of(lines)
        lines[at : at + dice.below(2)] = [mangled(dice, other)] if dice.below(2) else [other]
    return b"\n".join(lines)


def grown_json(dice: Dice, seeds: tuple[str, ...]) -> bytes:
    """One object a line, of which the last counts: bent, or as bytes that are none."""
    if dice.below(4) == 0:
        return grown_text(dice, seeds)
    *before, last = dice.one_of(seeds).encode().split(b"\n")
    return b"\n".join([*before, bent_json(dice, last)])


def _bent(dice: Dice, tree: Any) -> Any:
    """Somewhere in it, one part is another: mostly one of the same type, since the rest is refused at the door."""
    if isinstance(tree, dict) and tree:
        name = dice.one_of(sorted(tree, key=str))
        match dice.below(24):
            case 0:
                return {key: value for key, value in tree.items() if key != name}
            case 1:
                return {**tree, dice.one_of(("", "n1", "n9", "hq/x", "x" * 300)): tree[name]}
            case 2:
                return {}
            case _:
                return {**tree, name: _bent(dice, tree[name])}
    if isinstance(tree, list) and tree:
        at = dice.below(len(tree))
        match dice.below(24):
            case 0:
                return tree[:at] + tree[at + 1 :]
            case 1:
                return [*tree[:at], tree[at], *tree[at:]]
            case 2:
                return []
            case _:
                return [*tree[:at], _bent(dice, tree[at]), *tree[at + 1 :]]
    if isinstance(tree, bytes) and len(tree) > 1 and dice.below(4):
        return _bent_within(dice, tree)
    if isinstance(tree, str) and "\n" in tree and dice.below(4):  # somebody's manifests
        return mangled(dice, tree.encode()).decode(errors="replace")
    if type(tree) is int and dice.below(2):
        return tree + dice.one_of((1, -1, 1_000, -1_000, 1 << 40, -(1 << 40)))
    alike = [odd for odd in ODD if type(odd) is type(tree)]
    return dice.one_of(alike if alike and dice.below(16) else ODD)


def _bent_within(dice: Dice, raw: bytes) -> bytes:
    """Messages carry messages as bytes."""
    try:
        inner = msgspec.msgpack.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return mangled(dice, raw)
    if not isinstance(inner, dict | list):
        return mangled(dice, raw)
    try:
        return msgspec.msgpack.encode(_bent(dice, inner))
    except (OverflowError, ValueError):
        return raw


def decoded_as(raw: bytes, kind: Any) -> Any:
    """A case; None for what is none (a fuzzer may hand `check` what `grow` did not make)."""
    try:
        return decode(raw, kind)
    except msgspec.DecodeError:
        return None
