"""How a manager says no."""

from __future__ import annotations


class NotDone(Exception):
    """An operator's or a node's request that is refused; says why and what to do."""

    def __init__(self, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.status = status
        """As HTTP has it: 400 malformed, 403 not allowed, 404 not there, 409 not as things are."""
