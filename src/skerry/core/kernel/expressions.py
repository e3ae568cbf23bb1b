"""Expressions as the core sees them: CEL text and facts in, one value out; the evaluator is injected.

Manifests come from outside, so an expression may be wrong in any way; everything that goes wrong is one
`ExpressionError`. Evaluation is pure: equal text and facts give an equal value on every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Scalar = bool | int | float | str
"""What an expression may come to."""


class ExpressionError(ValueError):
    """An expression that cannot be read, or cannot be evaluated with the facts at hand."""

    def __init__(self, expression: str, reason: str, line: int | None = None, column: int | None = None) -> None:
        self.expression = expression
        self.reason = reason
        self.line = line
        """Within the expression, from 1; None where the fault has no place."""
        self.column = column
        place = f" at {line}:{column}" if line is not None else ""
        shown = expression if len(expression) <= 120 else expression[:117] + "..."
        super().__init__(f"expression `{shown}`{place}: {reason}")


class Expressions(Protocol):
    """An evaluator of CEL. Pure."""

    def check(self, expression: str) -> None:
        """Raise `ExpressionError` if the text cannot be read."""
        ...

    def evaluate(self, expression: str, facts: Mapping[str, Any]) -> Scalar:
        """The value; raises `ExpressionError` if it cannot be read, a fact is missing, or it is not a scalar."""
        ...


def holds(expressions: Expressions, expression: str, facts: Mapping[str, Any]) -> bool:
    """Whether a condition holds; raises `ExpressionError`, also if it comes to anything but true or false."""
    value = expressions.evaluate(expression, facts)
    if not isinstance(value, bool):
        raise ExpressionError(expression, f"a condition comes to true or false; this one comes to {value!r}")
    return value
