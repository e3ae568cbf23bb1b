"""A shell that lines are typed into, as a person would, with all that it and its background jobs print in one file.

A command that fails ends the shell and fails the test: nobody goes on after an error.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LOOK_AGAIN_S = 0.05
LOG_TAIL_CHARACTERS = 4_000


class Terminal:
    """One shell; leaving the block closes its input, which ends it."""

    def __init__(self, name: str, argv: Sequence[str], folder: Path, log: Path, env: Mapping[str, str]) -> None:
        """`argv` becomes `bash`; `folder` is where it stands."""
        self.name = name
        self._log = log
        self._typed = 0
        with log.open("wb") as out:
            self._shell = subprocess.Popen(
                argv, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )
        self._type("set -e")

    def close(self) -> None:
        """End the shell; its background jobs go on."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.kill()
        self._shell.wait()

    @property
    def printed(self) -> str:
        """All that was printed so far."""
        return self._log.read_text(errors="replace")

    def begin(self, lines: str) -> str:
        """Type lines, and a command whose answer shows that they are done; returns that answer."""
        self._typed += 1
        # In two pieces, so that it is not found where only the typing is shown.
        self._type(f"{lines.rstrip()}\necho 'typed'-{self._typed}")
        return f"typed-{self._typed}"

    def run(self, lines: str, within_s: float) -> str:
        """Type lines and wait until they are done; returns what was printed meanwhile. Raises `AssertionError`."""
        before = len(self.printed)
        done = self.begin(lines)
        self.until(done, within_s)
        return self.printed[before:].rpartition(done)[0]

    def until(self, line: str, within_s: float) -> None:
        """Wait until a line is printed. Raises `AssertionError` with the end of what was printed."""
        until_s = time.monotonic() + within_s
        while line not in self.printed.splitlines():
            ended = self._shell.poll()
            assert ended is None, f"on {self.name}, a command failed with {ended}:\n{self._tail()}"
            assert time.monotonic() < until_s, f"on {self.name}, not within {within_s:.0f} s: {line}\n{self._tail()}"
            time.sleep(LOOK_AGAIN_S)

    def _type(self, lines: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{lines}\n".encode())
        self._shell.stdin.flush()

    def _tail(self) -> str:
        return self.printed[-LOG_TAIL_CHARACTERS:]
