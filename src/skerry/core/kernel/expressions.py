"""Expressions as the core sees them: CEL text and facts in, one value out; the evaluator is injected.

Manifests come from outside, so an expression may be wrong in any way; everything that goes wrong is one
`ExpressionError`. Evaluation is pure: equal text and facts give an equal value on every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from skerry.core.kernel.values import encode

REMEMBERED_MAX = 4_096

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


class Remembering:
    """An evaluator that remembers what it found: conditions are asked for again and again with the same facts."""

    def __init__(self, inner: Expressions) -> None:
        self._inner = inner
        self._found: dict[tuple[str, bytes], Scalar | ExpressionError] = {}

    def check(self, expression: str) -> None:
        """As the inner one."""
        self._inner.check(expression)

    def evaluate(self, expression: str, facts: Mapping[str, Any]) -> Scalar:
        """As the inner one; the same error again for the same fault."""
        key = (expression, encode(facts))
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= REMEMBERED_MAX:
                self._found.clear()
            try:
                found = self._inner.evaluate(expression, facts)
            except ExpressionError as error:
                found = error
            self._found[key] = found
        if isinstance(found, ExpressionError):
            raise found
        return found


def holds(expressions: Expressions, expression: str, facts: Mapping[str, Any]) -> bool:
    """Whether a condition holds; raises `ExpressionError`, also if it comes to anything but true or false."""
    value = expressions.evaluate(expression, facts)
    if not isinstance(value, bool):
        raise ExpressionError(expression, f"a condition comes to true or false; this one comes to {value!r}")
    return value
