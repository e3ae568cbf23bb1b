"""Question and answer between a site and a manager. What they carry belongs to others; the numbers belong here."""

from __future__ import annotations

from skerry.core.kernel.values import Value, Whole


class Question(Value, frozen=True, kw_only=True, tag="question", array_like=True):
    """Are you there? With it goes what the manager does not know yet of the site's state."""

    number: Whole
    carried: bytes


class Answer(Value, frozen=True, kw_only=True, tag="answer", array_like=True):
    """I am. With it goes what the site does not know yet of the manager's state, or nothing."""

    number: Whole
    carried: bytes = b""
