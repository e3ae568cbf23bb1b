"""What a node has: facts that were found, declared or measured, and what of them is free.

Sizes are bytes, cpu is in thousandths of a core (`cpu_milli`). MISSION S5-S7, FORMAT `Node`.
"""

from __future__ import annotations

from skerry.core.kernel.values import Value


class Resources(Value, frozen=True, kw_only=True):
    """An amount of what depletes."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            cpu_milli=self.cpu_milli + other.cpu_milli,
            memory_bytes=self.memory_bytes + other.memory_bytes,
            disk_bytes=self.disk_bytes + other.disk_bytes,
        )

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            cpu_milli=self.cpu_milli - other.cpu_milli,
            memory_bytes=self.memory_bytes - other.memory_bytes,
            disk_bytes=self.disk_bytes - other.disk_bytes,
        )

    def larger(self, other: Resources) -> Resources:
        """Each kind's larger amount (P3: reserve the larger of the needs of an intent's modes)."""
        return Resources(
            cpu_milli=max(self.cpu_milli, other.cpu_milli),
            memory_bytes=max(self.memory_bytes, other.memory_bytes),
            disk_bytes=max(self.disk_bytes, other.disk_bytes),
        )

    def within(self, room: Resources) -> bool:
        """Whether there is room for all of it."""
        return not room.lacking(self)

    def lacking(self, needed: Resources) -> tuple[str, ...]:
        """The kinds of which there is less than `needed`, in words with both amounts."""
        pairs = (
            ("cpu", self.cpu_milli, needed.cpu_milli, "m"),
            ("memory", self.memory_bytes >> 20, needed.memory_bytes >> 20, "Mi"),
            ("disk", self.disk_bytes >> 20, needed.disk_bytes >> 20, "Mi"),
        )
        raw = (
            needed.cpu_milli > self.cpu_milli,
            needed.memory_bytes > self.memory_bytes,
            needed.disk_bytes > self.disk_bytes,
        )
        return tuple(
            f"{kind}: {need}{unit} needed, {max(have, 0)}{unit} free"
            for (kind, have, need, unit), short in zip(pairs, raw, strict=True)
            if short
        )


class NodeFacts(Value, frozen=True, kw_only=True):
    """What a node says of itself. The owner's file sets the caps; the rest is found."""

    caps: Resources
    """What the owner offers to Skerry."""
    capabilities: tuple[str, ...] = ()
    """Kinds, dotted: `storage.nvme` also meets `storage` (S4)."""
    programs: tuple[str, ...] = ()
    """Names of programs that the owner allows."""
    cpu_cores: int = 1
    """Cores this node may run on (its CPU affinity)."""
    assurance_permille: int = 0
    """Likelihood of going on: 1000 on mains with UPS, from the declared `power.*` capabilities."""
    hardware: str = ""
    """Digest of what fits depend on besides the configuration (D8a): cores, caps, programs, file system, version."""


class Usage(Value, frozen=True, kw_only=True):
    """What the tree of the node's guard uses now, measured; `owner` is the part taken by the owner's own processes."""

    tree: Resources
    owner: Resources
