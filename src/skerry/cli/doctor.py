"""`skerry doctor`: whether this machine can run Skerry, and if not, what is missing. It tries, and guesses nothing."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from skerry.cli.errors import FAILED

PYTHON_LEAST = (3, 11)
MODULES = (
    *("msgspec", "psutil", "nacl", "zenoh", "skerry.adapters.cel", "yaml"),
    *("starlette", "uvicorn", "litestar", "sqlalchemy"),
)


def doctor() -> None:
    """Try what an agent and a manager need of this machine, and say what is missing."""
    bad = 0
    for what, check in CHECKS.items():
        why = check()
        bad += why is not None
        typer.echo(f"{'ok  ' if why is None else 'BAD '} {what}{'' if why is None else ': ' + why}")
    if bad:
        raise typer.Exit(FAILED)


def _python() -> str | None:
    found = sys.version_info[:2]
    return None if found >= PYTHON_LEAST else f"this is {found[0]}.{found[1]}; install 3.11 or newer"


def _modules() -> str | None:
    missing: list[str] = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    return None if not missing else f"{', '.join(missing)}; install Skerry again, with what it depends on"


def _proc() -> str | None:
    try:
        Path("/proc/self/environ").read_bytes()
        Path("/proc/locks").read_bytes()
    except OSError as error:
        return f"{error.filename}: {error.strerror}; Skerry runs on Linux with /proc mounted"
    return None


def _guard() -> str | None:
    from skerry.guard import spawn

    child = os.fork()
    if child == 0:  # in a child, for it cannot be undone
        try:
            spawn.become_subreaper()
        except OSError:
            os._exit(1)
        os._exit(0)
    return None if os.waitpid(child, 0)[1] == 0 else "prctl is refused; the guard could not look after workloads"


def _storage() -> str | None:
    from skerry.adapters.sqlite.state import SqliteStorage
    from skerry.core.kernel.effects import Put
    from skerry.ports.storage import StorageError

    with tempfile.TemporaryDirectory(prefix="skerry-doctor-") as folder:
        try:
            storage = SqliteStorage(Path(folder))
            storage.commit([Put(key="a", value=b"b")])
            storage.close()
        except StorageError as error:
            return str(error)
    return None


def _loopback() -> str | None:
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname(), 2):
            return None
    except OSError as error:
        return f"{error.strerror or error}; bring the loopback device up (ip link set lo up)"


def _keys() -> str | None:
    from skerry.adapters.keys.ed25519 import NaclVerifier, NodeSigner, generate

    signer = NodeSigner(generate())
    good = NaclVerifier().verify(signer.public_key, b"word", signer.sign(b"word"))
    return None if good else "a signature does not verify; the installation is damaged, install Skerry again"


CHECKS: dict[str, Callable[[], str | None]] = {
    "Python": _python,
    "libraries": _modules,
    "/proc": _proc,
    "guard": _guard,
    "state on disk": _storage,
    "loopback device": _loopback,
    "signing": _keys,
}
"""By what is tried; each returns what is wrong, or None."""
