"""Question and answer between a site and a manager. What they carry belongs to others; the numbers belong here."""

from __future__ import annotations

from skerry.core.kernel.values import Value


class Question(Value, frozen=True, kw_only=True, tag="question"):
    """Are you there? With it goes all that the manager should know of the site's state."""

    number: int
    carried: bytes


class Answer(Value, frozen=True, kw_only=True, tag="answer"):
    """I am. With it goes all that the site should know of the manager's state."""

    number: int
    carried: bytes
