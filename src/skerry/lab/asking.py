"""Asking what a lab runs: HTTPS of nodes and manager, the relay's control socket, and a verb's own command line."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skerry.adapters.keys.tls import TlsFiles, client_context
from skerry.lab import processes, wires
from skerry.lab.state import RELAY_SOCKET, LabError

ANSWER_BYTES_MAX = 32 * 1024 * 1024
ASK_WITHIN_S = 5.0
VERB_WITHIN_S = 60.0


class Unanswered(Exception):
    """Nobody answered, or not in a form that can be read; says why."""


class Api:
    """An HTTPS API, asked with one certificate. A connection a question: nothing is kept that a freeze could hold."""

    def __init__(self, address: str, context: ssl.SSLContext, space: str | None = None) -> None:
        """`address`: `host:port`; `space`: the network namespace in which to ask."""
        self._address = address
        self._context = context
        self._space = space

    def ask(
        self,
        path: str,
        *,
        body: bytes | None = None,
        within_s: float = ASK_WITHIN_S,
        headers: Mapping[str, str] = {},
        method: str | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of a GET, or of a POST if there is a body, unless a method is named. Raises `Unanswered`."""
        connection = http.client.HTTPSConnection(self._address, timeout=within_s, context=self._context)
        how = method or ("GET" if body is None else "POST")
        try:
            with wires.inside(self._space):
                connection.connect()
            connection.request(how, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            raw = answer.read(ANSWER_BYTES_MAX)
            return answer.status, json.loads(raw) if raw else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(f"{self._address}{path}: {error}") from error
        finally:
            connection.close()

    def get(self, path: str, within_s: float = ASK_WITHIN_S) -> Any:
        """The JSON of a GET that is answered with 200. Raises `Unanswered`."""
        status, value = self.ask(path, within_s=within_s)
        if status != 200:
            raise Unanswered(f"{self._address}{path}: answered {status}: {json.dumps(value)[:300]}")
        return value


def context(identity: Path) -> ssl.SSLContext:
    """What proves who asks, from a folder with `ca.pem`, `cert.pem` and `key.pem`. Raises `LabError`."""
    try:
        return client_context(TlsFiles.within(identity))
    except OSError as error:
        raise LabError(f"{identity}: expected ca.pem, cert.pem and key.pem there: {error}") from error


def relay(folder: Path, do: str, control: str = RELAY_SOCKET) -> dict[str, Any]:
    """Tell a relay something; returns its counts. Raises `LabError`."""
    where = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ASK_WITHIN_S)
            # By way of /proc: a socket's address holds 107 bytes, and a folder's name may be longer.
            connection.connect(f"/proc/self/fd/{where}/{control}")
            connection.sendall(json.dumps({"do": do}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile("rb").readline(65_536))
    except (OSError, ValueError) as error:
        raise LabError(
            f"{folder}: the relay does not answer: {error}; see {folder / control.replace('.sock', '.log')}"
        ) from error
    finally:
        os.close(where)
    return answer


def skerry(lab: str, *words: str | Path, cwd: Path, space: str | None = None) -> str:
    """Run a verb of the command line as a user would; returns what it printed. Raises `LabError` with what it said."""
    return finished(begun(lab, *words, cwd=cwd, space=space))


def begun(lab: str, *words: str | Path, cwd: Path, space: str | None = None) -> subprocess.Popen[str]:
    """Start a verb of the command line. Raises `OSError`."""
    environment = {**os.environ, "PYTHONPATH": processes.home(), processes.LAB_VARIABLE: lab, "NO_COLOR": "1"}
    return subprocess.Popen(
        wires.within(space, command(*words)),
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(*words: str | Path) -> Sequence[str]:
    """The argument vector of a verb."""
    return [sys.executable, "-m", "skerry", *map(str, words)]


def finished(verb: subprocess.Popen[str]) -> str:
    """Wait for a verb; returns what it printed. Raises `LabError` with what it said if it failed."""
    assert isinstance(verb.args, list)
    words = " ".join(str(word) for word in verb.args[2:])
    try:
        said, complained = verb.communicate(timeout=VERB_WITHIN_S)
    except subprocess.TimeoutExpired:
        verb.kill()
        verb.communicate()
        raise LabError(f"{words}: not done within {VERB_WITHIN_S:.0f} s") from None
    if verb.returncode != 0:
        raise LabError(f"{words}: exit {verb.returncode}: {(complained or said).strip()[-2_000:]}")
    return said
