"""In what the nodes of a lab differ, by means that need no root: memory disk or disk, caps, niceness, cores, programs.

Nothing here is a score: what a node can do, and how well, it finds out by measuring itself.

No two nodes are alike as stores, whatever a sync costs on this machine's disk: what makes a node slow is its disk, the
only program that its owner allows, or the one core that program and probe share; the last one has all three. Where a
sync costs next to nothing, the programs and the cores still make a factor.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from skerry.core.kernel.values import Value

LASTING = Path("/var/tmp")  # noqa: S108 - a folder of the lab's own is made in it
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a folder of the lab's own is made in it


class Profile(NamedTuple):
    """One kind of node."""

    in_memory: bool
    memory: str
    cpu: str
    capabilities: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    nice: int = 0
    one_core: bool = False


READABLE = ("skerry-store-files", "skerry-intake", "skerry-placement", "skerry-migrate", "skerry-hello")
"""All that Skerry brings, but for the store whose files only it can read."""

PROFILES = (
    Profile(in_memory=True, memory="2Gi", cpu="2", capabilities=("power.ups",)),
    Profile(in_memory=True, memory="1Gi", cpu="1", capabilities=("power.battery",), programs=READABLE),
    Profile(in_memory=True, memory="1Gi", cpu="2", capabilities=("power.battery",), nice=5),
    Profile(in_memory=False, memory="2Gi", cpu="1", capabilities=("power.ups",), one_core=True),
    Profile(
        in_memory=False,
        memory="1Gi",
        cpu="1",
        capabilities=("power.mains",),
        programs=("skerry-store-files", "skerry-intake", "skerry-hello"),
        nice=10,
        one_core=True,
    ),
)


class NodeFile(Value, frozen=True, kw_only=True, rename="camel"):
    """What stands in a Node manifest, as far as a lab sets it."""

    name: str
    site: str
    memory: str
    cpu: str
    capabilities: tuple[str, ...]
    programs: tuple[str, ...]

    def text(self) -> str:
        """The manifest."""
        allows = f"  allows: {{programs: [{', '.join(self.programs)}]}}\n" if self.programs else ""
        return (
            "apiVersion: skerry/v1\n"
            "kind: Node\n"
            f"metadata: {{name: {self.name}, site: {self.site}}}\n"
            "spec:\n"
            f"  offers: {{cpu: {self.cpu}, memory: {self.memory}}}\n"
            f"  declares: {{capabilities: [{', '.join(self.capabilities)}]}}\n" + allows
        )


def profile(number: int) -> Profile:
    """That of the node with this number, from 0."""
    return PROFILES[number % len(PROFILES)]


def cores(number: int, one_core: bool) -> tuple[int, ...]:
    """The cores that a node's workloads may run on; empty: all."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[number % len(usable)],) if one_core else ()


def disk() -> Path:
    """Where folders for a while are made, on a disk: not where the system has them in memory, unless it was told to."""
    usual = Path(tempfile.gettempdir())
    if "TMPDIR" not in os.environ and _in_memory(usual) and os.access(LASTING, os.W_OK | os.X_OK):
        return LASTING
    return usual


def _in_memory(folder: Path) -> bool:
    """Whether a folder lies on a memory disk, as the longest mount point above it says."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(Path(point).parts), kind) for point, kind in mounts if folder.is_relative_to(point)]
    return bool(above) and max(above)[1] in ("tmpfs", "ramfs")


def memory_folder() -> Path | None:
    """A new folder on a memory disk, for its owner alone; None if this machine has none that can be written."""
    if not (MEMORY_DISK.is_dir() and os.access(MEMORY_DISK, os.W_OK | os.X_OK)):
        return None
    return Path(tempfile.mkdtemp(prefix="skerry-lab-", dir=MEMORY_DISK))
