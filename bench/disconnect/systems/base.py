"""What a system that is measured has to offer, and what those that run on a LAN of their own have in common."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from bench.disconnect import watching
from skerry.lab import interrupting, processes, profiles, wires
from skerry.shell.clock import boot_ms

T = TypeVar("T")
LOOK_AGAIN_S = 0.1
OUTSIDE, INSIDE = "outside", "inside"
"""Where clients sit: at the desk with all nodes that are not cut off, or on the node that is."""

Figures = dict[str, list[float]]


class Failed(Exception):
    """A system did not come up, settle or do what was waited for; says what was seen last."""


class System(Protocol):
    """One system, at one setting, with so many nodes; up for one block."""

    name: ClassVar[str]
    packages: ClassVar[Mapping[str, str]]
    """To each program that is needed the package that brings it."""
    settings: ClassVar[tuple[str, ...]]
    nodes: ClassVar[tuple[int, ...]]
    """The sizes at which it means something."""
    afresh: ClassVar[bool]
    """Whether each trial wants a system that was just started."""

    def __init__(self, setting: str, nodes: int) -> None: ...

    def up(self) -> None:
        """Start it and wait until it has settled. Raises `Failed`."""

    def down(self) -> None:
        """Take everything away."""

    def version(self) -> str:
        """Its own word for it."""

    def trial(self, wait_ms: int) -> Figures:
        """One disconnection, that many milliseconds after everything is at rest. Raises `Failed`."""

    def rest(self, for_s: float) -> Figures:
        """What it costs when nothing happens."""


def until(what: str, look: Callable[[], T | None], within_s: float, every_s: float = LOOK_AGAIN_S) -> T:
    """What `look` gives once it gives something; a look that fails by `OSError` or `Failed` gave nothing. Raises
    `Failed`."""
    until_ms, why = boot_ms() + round(within_s * 1_000), ""
    while True:
        try:
            seen = look()
        except (OSError, Failed) as error:
            seen, why = None, f": {error}"
        if seen is not None and seen is not False:
            return seen
        if boot_ms() > until_ms:
            raise Failed(f"{what}: not within {within_s:.0f} s{why}")
        pause(every_s)


def pause(for_s: float) -> None:
    """Wait, and be interrupted if somebody wants that."""
    until_ms = boot_ms() + round(for_s * 1_000)
    while (left_ms := until_ms - boot_ms()) > 0:
        interrupting.heed()
        time.sleep(min(left_ms / 1_000, LOOK_AGAIN_S))


class Lan:
    """Network namespaces, one a node, joined by a switch; processes in them; a folder on a memory disk, as in a lab."""

    def __init__(self, nodes: int) -> None:
        self.id = secrets.token_hex(8)
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self.network = wires.Wires(f"bench-{self.id[:8]}", self.nodes)
        self.folder = Path(tempfile.mkdtemp(prefix="disconnect-", dir=profiles.MEMORY_DISK))
        self.desk = self.network.space(wires.DESK)

    def up(self) -> None:
        """Join the namespaces. Raises `Failed`."""
        try:
            self.network.make()
        except wires.WiresError as error:
            raise Failed(str(error)) from error

    def down(self) -> None:
        """End what was started, and remove all of it."""
        with interrupting.undisturbed():
            processes.end_all(self.id)
            self.network.remove()
            shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, node: str) -> str:
        """Of a node, on the site's LAN."""
        return self.network.addresses[node]

    def start(self, node: str, *argv: str, variables: Mapping[str, str] | None = None) -> int:
        """Start a program on a node; its log is `<node>.log`. Returns its pid."""
        log = self.folder / f"{node}.log"
        space = self.network.space(node)
        return processes.start(
            argv, lab=self.id, cwd=self.folder, log=log, node=node, variables=variables, space=space
        ).pid

    def ask(self, node: str, *argv: str, within_s: float = 10.0) -> str:
        """What a program says that runs on a node to its end. Raises `Failed`."""
        words = wires.within(self.network.space(node), argv)
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=within_s, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(argv)}: no answer within {within_s:.0f} s") from None
        if done.returncode:
            raise Failed(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout

    def cut(self, node: str) -> int:
        """Take the node's cable out of the switch; returns the moment just before."""
        at_ms = boot_ms()
        self.network.link(node, up=False)
        return at_ms

    def heal(self, node: str) -> int:
        """Put it back; returns the moment just before."""
        at_ms = boot_ms()
        self.network.link(node, up=True)
        return at_ms

    def rest(self, for_s: float, daemons: Callable[[int], bool]) -> Figures:
        """Bytes an hour on each node's cable, and the memory of its daemons."""
        before, began_ms = watching.carried_bytes(self.network), boot_ms()
        pause(for_s)
        after, hours = watching.carried_bytes(self.network), (boot_ms() - began_ms) / 3_600_000
        weighed = []
        for node in self.nodes:
            pids = watching.within(self.network.inode(node))
            weighed.append(watching.pss_mib(pid for pid in pids if daemons(pid)))
        return {
            "lan_bytes_an_hour": [(after[node] - before[node]) / hours for node in self.nodes],
            "memory_mib": weighed,
        }


@contextlib.contextmanager
def removed(system: System) -> Iterator[System]:
    """A system that is taken away after the block, whatever happened."""
    try:
        yield system
    finally:
        with interrupting.undisturbed():
            system.down()


def command(pid: int) -> str:
    """The command line of a process."""
    return watching.read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
