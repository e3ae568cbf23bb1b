"""Filling `${...}` into argument vectors, and making the clean environment that a workload runs in.

What a node fills in: `${port.NAME}`, `${endpoint.NAME}` (host:port), `${dir.data}`, `${dir.scratch}`, `${with.NAME}`,
`${node.name}` and `${fence}` ("0" if there is none). Anything else is an error that names it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping

from skerry.ports.workload import WorkloadError

_PLACE = re.compile(r"\$\{([^}]*)\}")
_KNOWN = "port.NAME, endpoint.NAME, dir.data, dir.scratch, with.NAME, node.name, fence"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|KEY")

Answer = Callable[[str], str | None]
"""Gives the value for what follows the dot, or None if there is none."""


class Filling:
    """What `${...}` stands for in one workload."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        """`answers` holds one answer for each word before the dot."""
        self._answers = answers

    def fill(self, text: str) -> str:
        """The text with every place filled in. Raises `WorkloadError` for one that is unknown or not closed."""
        filled = _PLACE.sub(lambda found: self._value(found.group(1), text), text)
        if "${" in _PLACE.sub("", text):
            raise WorkloadError(f"{text!r:.120}: a ${{ is not closed")
        return filled

    def fill_all(self, texts: Iterable[str]) -> list[str]:
        """Each text filled in."""
        return [self.fill(text) for text in texts]

    def _value(self, place: str, text: str) -> str:
        kind, _, name = place.partition(".")
        value = self._answers[kind](name) if kind in self._answers else None
        if value is None:
            raise WorkloadError(f"{text!r:.120}: ${{{place}}} is not known here; a node fills in {_KNOWN}")
        return value


class Ports:
    """Ports of one workload, each taken from the free ones when it is first named."""

    def __init__(self, take: Callable[[], int]) -> None:
        self._take = take
        self.taken: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The port of this name. Raises `WorkloadError` for a name that would be no part of a variable's name."""
        if not _NAME.fullmatch(name):
            raise WorkloadError(f"port name {name!r:.40}: expected a letter, then letters, digits, - and _, at most 32")
        if name not in self.taken:
            self.taken[name] = self._take()
        return self.taken[name]


class FreePorts:
    """Finds ports that nobody listens on.

    They come from below the range from which outgoing connections get theirs (32768 and up on Linux), since such a
    connection could take a port between the look and the program's own start. Each process begins at another place and
    goes round, so that nodes of one machine seldom look at the same port, and a port just left is not taken at once.
    """

    def __init__(self, host: str, among: range) -> None:
        self._host = host
        self._among = among
        self._next = os.getpid() * 97

    def is_free(self, port: int) -> bool:
        """Whether a server could listen there now."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((self._host, port))
                attempt.listen(1)
            except OSError:
                return False
            return True

    def take(self) -> int:
        """A free port. Raises `WorkloadError` if there is none."""
        for _ in self._among:
            self._next += 1
            port = self._among[self._next % len(self._among)]
            if self.is_free(port):
                return port
        raise WorkloadError(
            f"no free port on {self._host} from {self._among.start} to {self._among.stop - 1}: stop what holds them"
        )


def clean_environment() -> dict[str, str]:
    """What every workload gets of the agent's own environment: PATH, LANG and Skerry's marks, and no secret."""
    marks = {
        name: value for name, value in os.environ.items() if name.startswith("SKERRY_") and not _SECRET.search(name)
    }
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": os.environ.get("LANG", "C.UTF-8"), **marks}


def program(argv: list[str], allowed: Iterable[str], own: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The argument vector with its program found. Raises `WorkloadError` if it is not allowed or not there."""
    if not argv:
        raise WorkloadError("no program is named: expected an argument vector with at least one word")
    name = argv[0]
    if name in own:
        return [*own[name], *argv[1:]]
    if name not in allowed:
        raise WorkloadError(f"program {name!r} is not allowed here: the owner's Node file lists those that are")
    found = shutil.which(name)
    if found is None:
        raise WorkloadError(f"program {name!r} is allowed here but was not found; install it, or correct PATH")
    return [found, *argv[1:]]
