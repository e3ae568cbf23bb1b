"""What a verb that was not done says to its caller, and the exit codes that scripts can use."""

from __future__ import annotations

DONE = 0
FAILED = 1
"""Refused, or tried without success."""
WRONG_USE = 2
"""The words on the command line make no sense; nothing was tried."""
NOBODY = 3
"""Nobody answers at the address."""
ANOTHER_VERSION = 4
"""What is to be read was written by another version, and may mean something else here."""


class Failed(Exception):
    """A verb could not be done. Its text is shown to the user: what, where, what was expected, what to do."""

    code = FAILED


class Unreachable(Failed):
    """Nobody answers there."""

    code = NOBODY
