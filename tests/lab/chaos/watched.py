"""Writes records as a witness would: a quiet site of three nodes, to be doctored by tests."""

from __future__ import annotations

from typing import Any

from skerry.lab.chaos.judging import Case, Verdict, judge
from skerry.lab.chaos.record import Seen

CASE = Case(
    nodes=("n1", "n2", "n3"),
    tie_breaker="n1",
    intent="hq/files",
    connected={"intake": 2, "placement": 1, "migrate": 1},
    isolated={"intake": 2, "placement": 1},
    once="placement",
    spoken="hq/notes",
)
QUIET = {
    "1": ("n1", "hq/files/placement#1"),
    "2": ("n2", "hq/files/intake#1"),
    "3": ("n3", "hq/files/intake#2"),
    "4": ("n3", "hq/files/migrate#1"),
}
NOTES = {"9": ("n2", "hq/notes/notes#1")}

Works = dict[str, tuple[str, str]]


class Watched:
    """A record in the making; times in seconds, for brevity."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.round = 0
        self.runs(0, QUIET)
        self.mark(0, "settled", round=0)

    def add(self, at_s: float, kind: str, **what: Any) -> Watched:
        self.lines.append({"t_ms": round(at_s * 1_000), "kind": kind, **what})
        return self

    def runs(self, at_s: float, able: Works, *, stopped: Works | None = None) -> Watched:
        """From now on these are able to run, and those stand still."""
        return self.add(at_s, "able", able=able, there={**able, **(stopped or {})})

    def mark(self, at_s: float, what: str, **more: Any) -> Watched:
        return self.add(at_s, "mark", what=what, **{"round": self.round, **more})

    def fault(self, at_s: float, kind: str, *nodes: str) -> Watched:
        """A round begins with it."""
        self.round += 1
        self.mark(at_s, "fault", fault=kind, nodes=list(nodes), amount=0)
        return self.mark(at_s + 0.1, "broken")

    def and_fault(self, at_s: float, kind: str, *nodes: str) -> Watched:
        """Another in the same round."""
        return self.mark(at_s, "fault", fault=kind, nodes=list(nodes), amount=0)

    def healed(self, at_s: float, settled_s: float | None = None, *, mending_s: float | None = None) -> Watched:
        """From `mending_s` on cables are put back; as soon as the last one is, if nothing is said."""
        self.mark(at_s if mending_s is None else mending_s, "mending")
        self.mark(at_s, "healed")
        return self.mark(settled_s or at_s + 5, "settled")

    def op(self, at_s: float, fence: int, *, ok: bool = True, node: str = "n2") -> Watched:
        return self.add(at_s, "op", ok=ok, fence=fence, node=node)

    def note(self, at_s: float, fence: int, node: str) -> Watched:
        return self.add(at_s, "note", fence=fence, node=node, what="place", status=200)

    def frames(self, at_s: float, **ports: int) -> Watched:
        return self.add(at_s, "packets", ports={port.replace("_", "-"): [count, 0] for port, count in ports.items()})

    def seen(self, until_s: float = 300) -> Seen:
        return Seen([*self.lines, {"t_ms": until_s * 1_000, "kind": "end"}])

    def verdict(self, name: str, until_s: float = 300) -> Verdict:
        """What is pronounced on a property."""
        return next(verdict for verdict in judge(self.seen(until_s), CASE) if verdict.name == name)
