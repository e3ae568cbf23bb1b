"""CEL by the compiled module alone: values, faults, bounds, weight."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import skerry
from skerry.adapters.cel import EXPRESSION_BYTES_MAX, CelExpressions
from skerry.core.kernel.expressions import ExpressionError, holds

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(skerry.__file__).parents[1])}
CEL = CelExpressions()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("node.cpu.cores >= 2", True),
        ("limits.putRate < 500.0", True),
        ("limits.putRate * 2.0", 200.0),
        ("node.name + '!'", "n1!"),
        ("'storage' in node.capabilities", True),
        ("size(node.capabilities)", 1),
    ],
)
def test_an_expression_has_the_value_that_the_facts_give_it(expression: str, value: object) -> None:
    facts = {"node": {"name": "n1", "cpu": {"cores": 2}, "capabilities": ["storage"]}, "limits": {"putRate": 100.0}}
    assert CEL.evaluate(expression, facts) == value


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("site.nodes <", "not CEL"),
        ("site.node < 3", "there is no field 'node' here"),
        ("sites.nodes < 3", "nothing is called `sites` here; known are site"),
        ("site.nodes / 0", "division by zero"),
        ("site.nodes * 1.5", "Convert explicitly"),
        ("[1, 2]", "comes to a list"),
        ("'" + "x" * EXPRESSION_BYTES_MAX + "'", "longer than 2048 bytes"),
        ("[1].all(a, [1].all(b, [1].all(c, true)))", "more than 2 list macros"),
    ],
)
def test_what_is_wrong_is_one_error_with_the_expression_and_the_reason(expression: str, told: str) -> None:
    with pytest.raises(ExpressionError) as failure:
        CEL.evaluate(expression, {"site": {"nodes": 3}})
    assert told in str(failure.value)
    assert expression[:40] in str(failure.value)


def test_a_fault_of_syntax_has_line_and_column() -> None:
    with pytest.raises(ValueError, match="at 2:3") as failure:
        CEL.check("1 +\n  )")
    assert isinstance(failure.value, ExpressionError)
    assert (failure.value.line, failure.value.column) == (2, 3)


def test_a_condition_that_is_no_truth_is_refused() -> None:
    assert holds(CEL, "nodes == 3", {"nodes": 3})
    with pytest.raises(ExpressionError, match="true or false"):
        holds(CEL, "nodes", {"nodes": 3})


def test_the_costliest_expression_within_the_bounds_ends_soon() -> None:
    numbers = "[" + ",".join("1" for _ in range(480)) + "]"
    expression = f"{numbers}.all(a, {numbers}.all(b, a == b))"
    started = time.monotonic()
    assert CEL.evaluate(expression, {}) is True
    assert time.monotonic() - started < 5


def test_neither_the_command_line_nor_its_terminal_library_is_imported() -> None:
    program = (
        "import sys; from skerry.adapters.cel import CelExpressions as C; C().evaluate('1 == 1', {});"
        "print(sorted({'cel', 'cel.cli', 'rich', 'typer', 'prompt_toolkit'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
