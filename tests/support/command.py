"""The verbs of the command line, run inside the test's process: the same code, without a start-up for each."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

from skerry.__main__ import main
from tests.support.office import RunningManager


class Ran(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line that it printed."""
        return self.out.strip().splitlines()[-1]


def skerry(*words: str | Path) -> Ran:
    """Run one verb. Nothing of it may ever be a traceback."""
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()  # some verbs print bytes
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    assert "Traceback" not in err.getvalue()
    out.seek(0)
    return Ran(code, out.read(), err.getvalue())


class Verbs:
    """Verbs that ask one server with one identity."""

    def __init__(self, manager: RunningManager, address: str | None = None, identity: Path | None = None) -> None:
        """`address`: of another than the manager; `identity`: of another than its first operator."""
        self._manager = manager
        self._server = f"https://{address or manager.api_address}"
        self._identity = identity or manager.folder / "operators" / "admin"

    def __call__(self, *words: str | Path) -> Ran:
        """Run one verb."""
        return skerry(*words, "--server", self._server, "--identity", self._identity)

    def json(self, *words: str | Path) -> Any:
        """What a verb shows with `-o json`."""
        ran = self(*words, "-o", "json")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def at(self, address: str, identity: Path | None = None) -> Verbs:
        """The same, asking somebody else."""
        return Verbs(self._manager, address, identity or self._identity)

    def token(self, site: str, *more: str) -> str:
        """A token, as it is made at the manager's own machine."""
        ran = skerry("manager", "token", "--folder", self._manager.folder, "--site", site, *more)
        assert ran.code == 0, ran.err
        return ran.last

    def join(self, token: str, site: str, name: str, folder: Path, *more: str | Path) -> Ran:
        """Enrol a machine."""
        words = ("--manager", f"https://{self._manager.api_address}", "--token", token)
        place = ("--site", site, "--name", name, "--folder", folder, "--host", "127.0.0.1", "--multicast", "none")
        return skerry("agent", "join", *words, *place, *more)
