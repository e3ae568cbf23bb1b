"""Taking a machine out: everything on it stops, its agent says goodbye and ends, its guard too (X5).

The word to leave is signed with the machine's own key, so whoever has the folder may say it. The agent is found by the
lock that it holds on its folder, which `/proc/locks` shows: a number in a file could be another process' by now.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skerry.adapters.keys.ed25519 import KeyFileError, NodeSigner, load_key
from skerry.adapters.keys.tls import TlsFiles
from skerry.cli.client import Server, server
from skerry.cli.errors import Failed, Unreachable
from skerry.core.conversation import Leave, kind_of
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.sealing import Statement, seal
from skerry.core.kernel.values import encode
from skerry.guard.client import GuardClient, GuardError
from skerry.shell.clock import boot_ms
from skerry.shell.settings import AgentSettings, SettingsError, load_settings

STOPPED_WITHIN_MS = 90_000
"""Clients of an instance may drain, and programs may be slow to stop."""
ENDED_WITHIN_MS = 15_000
VOTE_GONE_WITHIN_MS = 10_000
"""The manager is asked every few seconds; one that cannot be reached is not waited for."""
LOOK_AGAIN_S = 0.1
LOCK_FILE = "lock"


def leave(folder: Path) -> Iterator[str]:
    """Take this machine out; yields what was done, line by line. Raises `Failed`, `Unreachable`."""
    try:
        settings = load_settings(folder)
        signer = NodeSigner(load_key(TlsFiles.within(folder).key))
    except (SettingsError, KeyFileError) as error:
        raise Failed(str(error)) from error
    pid = _holder(folder)
    if pid is None:
        raise Unreachable(f"{folder}: no agent runs here; start it with `skerry agent run --folder {folder}` first")
    api = server(settings.api, folder)
    before = _own_instances(api, settings)
    api.post("/v1/leave", encode(seal(signer, _word(settings))))
    _until_stopped(api, settings)
    for name in before:
        yield f"stopped {name}"
    left = _vote(api)
    _end(folder, pid)
    yield f"{settings.node} has left {settings.site}; {left}"


def _word(settings: AgentSettings) -> Statement:
    body = Leave(node=NodeId(settings.node))
    return Statement(
        kind=kind_of(body), site=settings.site, signer=settings.node, life=LifeId("-"), number=0, body=encode(body)
    )


def _own_instances(api: Server, settings: AgentSettings) -> list[str]:
    status: dict[str, Any] = api.get("/v1/status")
    own = next((m for m in status["members"] if m["node"] == settings.node), None)
    return [i["instance"] for i in own["instances"] if i["phase"] != "stopped"] if own is not None else []


def _until_stopped(api: Server, settings: AgentSettings) -> None:
    until_ms = boot_ms() + STOPPED_WITHIN_MS
    while left := _own_instances(api, settings):
        if boot_ms() > until_ms:
            raise Failed(
                f"{settings.node}: {', '.join(left)} did not stop within {STOPPED_WITHIN_MS // 1000} s; "
                "the agent still runs: look into its log, and try again"
            )
        time.sleep(LOOK_AGAIN_S)


def _vote(api: Server) -> str:
    """What became of its vote; if the manager is there, the machine waits until it has handed over."""
    until_ms = boot_ms() + VOTE_GONE_WITHIN_MS
    while boot_ms() < until_ms:
        status: dict[str, Any] = api.get("/v1/status")
        if any(mode["mode"] == "isolated" for mode in status["modes"].values()):
            break
        if not status["belongs"] and status["roster_counting"] == status["roster_version"]:
            return f"its vote has gone with roster {status['roster_version']}"
        time.sleep(LOOK_AGAIN_S)
    return "its vote goes with the next roster, when its manager hears of it"


def _end(folder: Path, pid: int) -> None:
    """End the agent, then its guard, which owns nothing any more. It lets go of its folder before it has ended."""
    with contextlib.suppress(ProcessLookupError):  # ended by itself meanwhile
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, signal.SIGTERM)
            if not select.select([process], [], [], ENDED_WITHIN_MS / 1000)[0]:
                said = "does not end; everything that it ran has been stopped"
                raise Failed(f"{folder}: the agent, process {pid}, {said}")
        finally:
            os.close(process)
    try:
        with GuardClient(str(folder)) as guard:
            guard.ask("shutdown")
    except GuardError as error:
        raise Failed(f"{folder}: the agent has ended, its guard has not: {error}") from error


def _holder(folder: Path) -> int | None:
    """The process that holds the agent's lock on its folder. Raises `Failed` if the folder cannot be read."""
    try:
        found = os.stat(folder / LOCK_FILE)
        lines = Path("/proc/locks").read_text().splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{folder}: cannot see who holds it: {error}") from error
    # such as `12: FLOCK  ADVISORY  WRITE 4711 08:01:131085 0 EOF`; one that waits for it has `->` after its number
    rows = [words for line in lines if (words := line.split())[1:2] == ["FLOCK"]]
    pids = [int(words[4]) for words in rows if words[5].rpartition(":")[2] == str(found.st_ino)]
    return next((pid for pid in pids if _has_open(pid, found)), None)


def _has_open(pid: int, file: os.stat_result) -> bool:
    """Inode numbers are of one file system only, and some show another device there than to `stat`."""
    try:
        opened = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or is somebody else's
        return False
    for one in opened:
        with contextlib.suppress(OSError):  # closed meanwhile
            if os.path.samestat(one.stat(), file):
                return True
    return False
