"""Waiting for what is seen from outside, with a generous bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from skerry.lab.asking import Unanswered

LOOK_AGAIN_S = 0.1


def until(what: str, holds: Callable[[], Any], within_s: float = 90.0) -> Any:
    """What `holds` gives once it gives something; whoever does not answer gives nothing."""
    end = time.monotonic() + within_s
    while True:
        try:
            found = holds()
        except Unanswered:
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(LOOK_AGAIN_S)
