"""The entry point: the command line, with what only the bootstrap can put together handed in.

Here and nowhere else the failures of the layers below become a text for the user. Everything is imported when a verb
needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from skerry.cli.app import run
from skerry.cli.errors import Failed
from skerry.cli.hooks import Hooks, ManagerPlace, Tell, TokenWish


def main(words: Sequence[str] | None = None) -> int:
    """`skerry`; returns the exit code."""
    hooks = Hooks(run_agent=_run_agent, run_manager=_run_manager, make_token=_make_token, add_operator=_add_operator)
    return run(hooks, words)


def _run_agent(folder: Path, ready: Tell) -> None:
    """The agent takes this process over without the command line, which it has no use for: 3 MiB on every node."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "skerry.bootstrap.agent", str(folder)])  # noqa: S606 - our own program, and no shell


def _run_manager(place: ManagerPlace, ready: Tell) -> None:
    from skerry.adapters.keys.ed25519 import KeyFileError
    from skerry.adapters.keys.x509 import CertificateError
    from skerry.adapters.store.store import StoreError
    from skerry.api.serving import ApiError
    from skerry.bootstrap.manager import run_manager
    from skerry.ports.transport import TransportError

    try:
        run_manager(place.folder, place.name, place.api, place.uplink, place.database, place.hosts, ready)
    except (StoreError, TransportError, ApiError, KeyFileError, CertificateError, OSError) as error:
        raise Failed(f"the manager of {place.folder}: {error}") from error


def _make_token(wish: TokenWish) -> str:
    from skerry.adapters.keys.ed25519 import KeyFileError
    from skerry.adapters.keys.x509 import CertificateError
    from skerry.adapters.store.store import StoreError
    from skerry.api.refusing import NotDone
    from skerry.bootstrap.manager import make_token

    try:
        return make_token(wish.folder, wish.database, wish.site, wish.node, wish.ttl_s)
    except (NotDone, StoreError, KeyFileError, CertificateError, OSError) as error:
        raise Failed(f"no token was made: {error}") from error


def _add_operator(folder: Path, name: str) -> Path:
    from skerry.adapters.keys.ed25519 import KeyFileError
    from skerry.adapters.keys.x509 import CertificateError
    from skerry.api.refusing import NotDone
    from skerry.bootstrap.manager import add_operator

    try:
        return add_operator(folder, name)
    except (NotDone, KeyFileError, CertificateError, OSError) as error:
        raise Failed(f"no operator was made: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
