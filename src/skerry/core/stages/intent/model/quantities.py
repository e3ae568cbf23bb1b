"""Quantities as people write them, read into integers: `500m`, `256Mi`, `200/s`, `10s`, `75%`, `40 EUR/month`.

Every figure of a limit or a standard is in thousandths of its unit ("milli"); the unit of a rate is one operation a
second, of a metric's duration (a latency) the millisecond, of a limit's duration the second. Sizes are bytes, cpu is
thousandths of a core, times are milliseconds. Nothing is rounded away silently below a thousandth: halves go up.

Everything raises `ValueError` with what was expected and what was found.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

LimitKind = Literal["rate", "count", "duration", "size", "ratio", "money"]

QUANTITY_MAX = 2**53
"""Above this a figure is no longer exact everywhere (JSON readers, CEL's doubles)."""
TEXT_MAX = 64

_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)(.*)", re.DOTALL)
_MONEY = re.compile(r"\d+(\.\d+)? [A-Z]{3}(/(day|month|year))?")

_SIZE = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_RATE = {"/s": Decimal(1000), "/min": Decimal(1000) / 60, "/h": Decimal(1000) / 3600}
_DURATION = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_CPU = {"": 1000, "m": 1}
_COUNT = {"": 1}
_RATIO = {"": 1000, "%": 10}

_UNITS: dict[str, dict[str, int] | dict[str, Decimal]] = {
    "cpu": _CPU, "size": _SIZE, "rate": _RATE, "duration": _DURATION, "count": _COUNT, "ratio": _RATIO,
}  # fmt: skip
EXPECTED = {
    "cpu": "an amount of cpu such as 500m or 2",
    "size": "a size such as 256Mi or 20Gi",
    "rate": "a rate such as 200/s",
    "duration": "a duration such as 10s or 365d",
    "count": "a whole number such as 20",
    "ratio": "a ratio such as 1.5 or 60%",
    "share_cpu": "an amount of cpu such as 2, or a share such as 75%",
    "share_size": "a size such as 2Gi, or a share such as 75%",
    "money": "an amount of money such as 40 EUR/month",
    "figure": "a figure such as 200/s, 20ms, 95% or 3, or an expression such as ${limits.putRate}",
}


def _split(text: str) -> tuple[Decimal, str] | None:
    found = _NUMBER.fullmatch(text.strip()) if len(text) <= TEXT_MAX else None
    return (Decimal(found[1]), found[2].strip()) if found else None


def kind_of(text: str) -> str | None:
    """What a text looks like: `rate`, `duration`, `size`, `ratio`, `money`, `number`; None: nothing that is known."""
    if _MONEY.fullmatch(text.strip()):
        return "money"
    parts = _split(text)
    if parts is None:
        return None
    if parts[1] == "":
        return "number"
    # `m` is both minutes and thousandths of a core; minutes is what a limit can mean.
    for kind, units in (("rate", _RATE), ("duration", _DURATION), ("size", _SIZE), ("ratio", _RATIO)):
        if parts[1] in units:
            return kind
    return None


def parse(text: str, kind: str) -> int:
    """The quantity as an integer in its kind's smallest unit (see above; ratios in thousandths, counts as they are).

    Not for `money` and the shares, which stay text until what they are part of is known."""
    parts, units = _split(text), _UNITS[kind]
    if parts is None or parts[1] not in units:
        looks = kind_of(text)
        known = {"number": "a bare number"}.get(looks, f"a {looks}") if looks and looks != kind else None
        raise ValueError(f"expected {EXPECTED[kind]}, found `{text[:TEXT_MAX]}`{f', {known}' if known else ''}")
    number, unit = parts
    if number < 0:
        raise ValueError(f"`{text}` is below zero; expected {EXPECTED[kind]}")
    value = number * units[unit]
    if value > QUANTITY_MAX:
        raise ValueError(f"`{text}` is too large")
    if kind == "count" and value != value.to_integral_value():
        raise ValueError(f"`{text}` is not whole; expected {EXPECTED[kind]}")
    return int(value.to_integral_value(ROUND_HALF_UP))


def check(text: str, kind: str) -> None:
    """Raise `ValueError` if `text` is no quantity of this kind, also for money, shares and figures."""
    match kind:
        case "money":
            if not _MONEY.fullmatch(text):
                raise ValueError(f"expected {EXPECTED[kind]}, found `{text[:TEXT_MAX]}`")
        case "share_cpu" | "share_size":
            share_of(text, kind.removeprefix("share_"), QUANTITY_MAX)
        case "figure":
            if "${" not in text:
                figure(text)
        case _:
            parse(text, kind)


def check_between(text: str, kind: str, least: str, most: str) -> None:
    """Raise `ValueError` if a quantity lies outside of two others."""
    if not parse(least, kind) <= parse(text, kind) <= parse(most, kind):
        raise ValueError(f"expected {least} to {most}, found `{text}`")


def share_of(text: str, kind: str, whole: int) -> int:
    """`75%` of `whole`, or the amount itself, at most `whole`; in the unit of `whole` (`cpu`: milli, `size`: bytes)."""
    if text.strip().endswith("%"):
        permille = parse(text, "ratio")
        if permille > 1000:
            raise ValueError(f"`{text}` is more than the whole; expected at most 100%")
        return whole * permille // 1000
    try:
        return min(parse(text, kind), whole)
    except ValueError as error:
        raise ValueError(str(error).replace(EXPECTED[kind], EXPECTED[f"share_{kind}"])) from None


def figure(text: str) -> tuple[int, str]:
    """A metric's figure in thousandths of its unit, and its kind: `200/s` → 200000 rate, `20ms` → 20000 duration,
    `95%` → 950 ratio, `3` → 3000 number."""
    kind = kind_of(text)
    match kind:
        case "rate" | "ratio":
            return parse(text, kind), kind
        case "duration":
            return parse(text, kind) * 1000, kind
        case "number":
            return parse(text, "ratio"), kind
        case _:
            raise ValueError(f"expected {EXPECTED['figure']}, found `{text[:TEXT_MAX]}`")


def limit_milli(text: str, kind: LimitKind) -> int:
    """A limit's figure in thousandths of its unit (operation a second, one, second, byte, one). Not for `money`."""
    value = parse(text, kind)
    return value * 1000 if kind in ("count", "size") else value


def limit_fact(milli: int, kind: LimitKind) -> int | float:
    """A limit as an expression sees it: rates, durations (seconds) and ratios as doubles, the rest as whole numbers."""
    return milli // 1000 if kind in ("count", "size") else milli / 1000
