"""Conditions, and an evaluator that remembers."""

from __future__ import annotations

import pytest

from skerry.adapters.cel import CelExpressions
from skerry.core.kernel.expressions import ExpressionError, Remembering, holds


class Counting(CelExpressions):
    """Counts what it is really asked."""

    def __init__(self) -> None:
        self.asked = 0

    def evaluate(self, expression, facts):
        self.asked += 1
        return super().evaluate(expression, facts)


def test_equal_text_and_facts_are_evaluated_once_and_other_facts_again() -> None:
    inner = Counting()
    remembering = Remembering(inner)
    for cores in (1, 2, 1, 2):
        assert remembering.evaluate("cores * 2", {"cores": cores}) == cores * 2
    assert inner.asked == 2


def test_the_same_fault_is_raised_again_without_being_evaluated_again() -> None:
    inner = Counting()
    remembering = Remembering(inner)
    for _ in range(3):
        with pytest.raises(ExpressionError, match="nothing"):
            remembering.evaluate("nothing > 1", {})
    assert inner.asked == 1


def test_a_condition_that_comes_to_a_number_is_refused_with_what_was_expected() -> None:
    with pytest.raises(ExpressionError, match="comes to true or false; this one comes to 3"):
        holds(CelExpressions(), "1 + 2", {})
    assert holds(CelExpressions(), "1 < 2", {}) is True


def test_a_long_expression_is_shown_in_part() -> None:
    error = ExpressionError("x" * 500, "too long", line=1, column=7)
    assert "at 1:7: too long" in str(error)
    assert len(str(error)) < 200
