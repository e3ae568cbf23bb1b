"""Doing something beside what is measured, in threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self


class StoppedLooking(Exception):
    """Something that was to be done all the while ended before its time."""


class Beside:
    """Does its duties while the block lasts; each looks at `_over`. One that fails fails the block: what nobody looked
    at any more would count as what did not happen."""

    waits = True
    """Whether the end of the block waits for the duties to end."""

    def __init__(self, *duties: Callable[[], None]) -> None:
        self._over = threading.Event()
        self._failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._do, args=(duty,), daemon=True) for duty in duties]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        if self.waits:
            for thread in self._threads:
                thread.join()
        if self._failures and kind is None:
            raise StoppedLooking(repr(self._failures[0])) from self._failures[0]

    def _do(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except Exception as error:  # noqa: BLE001 - raised again where the block ends
            self._failures.append(error)
