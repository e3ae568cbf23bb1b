"""What a probe must print as its last line, and the check of it.

    {"figures": {"putRate": 123.4}, "operations": 124, "seconds": 1.005}

Figures come from a program that anybody may have written, and fits and agreements are built on them: each is checked.
"""

from __future__ import annotations

import math

import msgspec

from skerry.ports.workload import Figures, WorkloadError

_FIGURES_MAX = 64
_NAME_MAX = 64
_LINE_MAX = 16 * 1024
_VALUE_MAX = 10**12


class _Line(msgspec.Struct):
    figures: dict[str, float]
    operations: int
    seconds: float


def parse(printed: bytes, *, disturbed: bool = False) -> Figures:
    """The checked figures, in thousandths. Raises `WorkloadError` that says what is wrong with them."""
    lines = [line for line in printed.splitlines() if line.strip()]
    if not lines:
        raise WorkloadError("the probe printed no figure")
    last = lines[-1]
    if len(last) > _LINE_MAX:
        raise WorkloadError(f"the probe's last line has {len(last)} bytes, at most {_LINE_MAX} are taken")
    try:
        line = msgspec.json.decode(last, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkloadError(f"the probe's last line is no line of figures: {error}: {last!r:.120}") from error
    if not line.figures:
        raise WorkloadError("the probe printed no figure")
    if len(line.figures) > _FIGURES_MAX or any(len(name) > _NAME_MAX for name in line.figures):
        raise WorkloadError(
            f"the probe printed too much: at most {_FIGURES_MAX} figures, names of {_NAME_MAX} characters"
        )
    for name, value in (*line.figures.items(), ("seconds", line.seconds)):
        if not math.isfinite(value) or not 0 <= value <= _VALUE_MAX:
            raise WorkloadError(f"the probe printed {name} = {value}: expected a number from 0 to {_VALUE_MAX}")
    if not 0 < line.operations <= _VALUE_MAX or line.seconds < 0.001:
        raise WorkloadError(
            f"the probe printed operations = {line.operations}, seconds = {line.seconds}: expected both above 0"
        )
    return Figures(
        figures_milli={name: round(value * 1_000) for name, value in line.figures.items()},
        operations=line.operations,
        seconds_milli=round(line.seconds * 1_000),
        disturbed=disturbed,
    )
