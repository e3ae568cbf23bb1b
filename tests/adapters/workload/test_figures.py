"""D9: a figure is a finite number that is not negative, with operations and seconds behind it."""

from __future__ import annotations

import pytest

from skerry.adapters.workload.figures import parse
from skerry.ports.workload import WorkloadError


def test_the_last_line_counts_and_becomes_thousandths() -> None:
    printed = b'warming up\n{"figures": {"a": 1}, "operations": 9, "seconds": 9}\n'
    printed += b'{"figures": {"putRate": 0.0005, "p95": 20}, "operations": 3, "seconds": 0.25, "note": "more"}\n\n'
    figures = parse(printed, disturbed=True)
    assert figures.figures_milli == {"putRate": 0, "p95": 20_000}
    assert (figures.operations, figures.seconds_milli, figures.disturbed) == (3, 250, True)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"", "printed no figure"),
        (b"\n \n", "printed no figure"),
        (b"fast\n", "no line of figures"),
        (b'{"figures": {"a": "12"}, "operations": 1, "seconds": 1}', "no line of figures"),
        (b'{"figures": {"a": true}, "operations": 1, "seconds": 1}', "no line of figures"),
        (b'{"figures": {"a": NaN}, "operations": 1, "seconds": 1}', "no line of figures"),
        (b'{"figures": {"a": 1e999}, "operations": 1, "seconds": 1}', "out of range|a = inf"),
        (b'{"figures": {"a": 1e15}, "operations": 1, "seconds": 1}', "a = 1000000000000000.0"),
        (b'{"figures": {"a": 1}, "operations": 0, "seconds": 1}', "operations = 0"),
        (b'{"figures": {"a": 1}, "operations": 1.5, "seconds": 1}', "no line of figures"),
        (b'{"figures": {"a": 1}, "operations": 1, "seconds": 0}', "seconds = 0"),
        (b'{"figures": {"a": 1}, "operations": 1}', "no line of figures"),
        (b'{"figures": {"' + b"n" * 65 + b'": 1}, "operations": 1, "seconds": 1}', "printed too much"),
        (b"[" * 20_000, "20000 bytes"),
    ],
)
def test_anything_else_is_refused_with_what_was_expected(printed: bytes, expected: str) -> None:
    with pytest.raises(WorkloadError, match=expected):
        parse(printed)
