"""Which faults come when: rounds drawn from a seed, each with one fault that has its turn and perhaps a lesser one.

The kinds have turns like cards of a shuffled deck, so that every kind comes about once before any comes twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import NamedTuple

from skerry.lab.draws import draw


class Kind(StrEnum):
    """What can be broken."""

    CUT = "cut"
    """Nobody reaches the manager."""
    FLAP = "flap"
    """The uplink comes and goes."""
    UPLINK = "uplink"
    """One node's own way to the manager is out, or that of several; others have theirs."""
    LINK = "link"
    """Cables to the site are out: each such node is alone with its uplink."""
    SPLIT = "split"
    """The site falls in two."""
    LOSS = "loss"
    RATE = "rate"
    DELAY = "delay"
    FREEZE = "freeze"
    KILL = "kill"
    """Power cut of some nodes; they come back on their disks, still cut off if the site was."""
    BLACKOUT = "blackout"
    """Power cut of the whole site while it is cut off; it comes back while nobody can be asked."""
    FILL = "fill"
    """Full disks."""
    CLOCK = "clock"
    """Wall clocks step, and step back."""


class Act(StrEnum):
    """What people do while the site is cut off."""

    HAND_IN = "hand_in"
    """A local operator hands an intent to a node."""
    ISSUE = "issue"
    """The manager gets a new intent for the site."""
    WITHDRAW = "withdraw"
    """The manager withdraws it."""

    @property
    def adds(self) -> bool:
        """Whether the intent is wanted from now on."""
        return self is not Act.WITHDRAW


SPARE_NODES = {Kind.LINK: 2, Kind.SPLIT: 2, Kind.LOSS: 2, Kind.RATE: 2, Kind.DELAY: 2}
"""The fewest nodes for which a kind means something, where one is not enough."""
LESSER = (Kind.LOSS, Kind.RATE, Kind.DELAY, Kind.CLOCK, Kind.UPLINK)
WHOLE = (Kind.CUT, Kind.FLAP, Kind.BLACKOUT)
"""Kinds that hit no node in particular."""
LASTS_S = (16, 26)
LOSS_PERCENT = (5, 40)
RATE_KBIT = (256, 4_000)
DELAY_MS = (20, 400)
FLAP_MS = (300, 4_000)
CLOCKS_S = (-56 * 365 * 86_400, -3_600, -90, 90, 86_400, 73 * 365 * 86_400)
"""Back to 1970, forth to 2099, and less."""


class Fault(NamedTuple):
    """One thing that goes wrong."""

    kind: Kind
    nodes: tuple[str, ...] = ()
    amount: int = 0
    """Percent, bits a second, milliseconds or seconds, by kind."""


class Round(NamedTuple):
    """Faults that come together, and go together."""

    number: int
    faults: tuple[Fault, ...]
    lasts_s: int
    holder_first: bool
    """Whether the first node of the first fault is, if it can be, the one that has the role that may not be double."""
    act: Act | None

    @property
    def cut_off(self) -> bool:
        """Whether nobody at the site reaches the manager for as long as it lasts."""
        return any(fault.kind in (Kind.CUT, Kind.BLACKOUT) for fault in self.faults)


def rounds(
    seed: int, nodes: list[str], kinds: list[Kind] | None = None, *, missing: Collection[Kind] = ()
) -> Iterator[Round]:
    """Rounds without end. `kinds`: these, in this order, again and again, instead of a deck. `missing`: not these, for
    the machine lacks what they need."""
    possible = [kind for kind in Kind if len(nodes) >= SPARE_NODES.get(kind, 1) and kind not in missing]
    number, spoken = 0, False
    while True:
        deck = kinds or sorted(possible, key=lambda kind: draw(seed, "deck", number, kind, below=2**32))
        for kind in deck:
            number += 1
            lesser = [] if kinds else [k for k in LESSER if k is not kind and k in possible]
            faults = _faults(seed, number, kind, nodes, lesser)
            act = None
            if any(fault.kind in (Kind.CUT, Kind.BLACKOUT) for fault in faults):
                act = _act(seed, number, spoken)
                spoken = act.adds
            first, last = LASTS_S
            yield Round(
                number=number,
                faults=faults,
                lasts_s=first + draw(seed, number, "lasts", below=last - first + 1),
                holder_first=draw(seed, number, "holder", below=2) == 0,
                act=act,
            )


def _act(seed: int, number: int, spoken: bool) -> Act:
    if spoken:
        return Act.WITHDRAW
    return (Act.HAND_IN, Act.ISSUE)[draw(seed, number, "act", below=2)]


def _faults(seed: int, number: int, kind: Kind, nodes: list[str], lesser: list[Kind]) -> tuple[Fault, ...]:
    faults = [_fault(seed, number, kind, nodes)]
    if kind is Kind.KILL and draw(seed, number, "while cut", below=2) == 0:
        faults.append(Fault(Kind.CUT))
    if lesser and draw(seed, number, "lesser", below=3) == 0:
        faults.append(_fault(seed, number, lesser[draw(seed, number, "which", below=len(lesser))], nodes))
    return tuple(faults)


def _fault(seed: int, number: int, kind: Kind, nodes: list[str]) -> Fault:
    def between(what: str, limits: tuple[int, int]) -> int:
        return limits[0] + draw(seed, number, kind, what, below=limits[1] - limits[0] + 1)

    amount = {
        Kind.LOSS: lambda: between("percent", LOSS_PERCENT),
        Kind.RATE: lambda: between("kbit", RATE_KBIT) * 1_000,
        Kind.DELAY: lambda: between("ms", DELAY_MS),
        Kind.FLAP: lambda: between("flap", FLAP_MS),
        Kind.CLOCK: lambda: CLOCKS_S[draw(seed, number, "clock", below=len(CLOCKS_S))],
    }.get(kind, lambda: 0)()
    return Fault(kind, () if kind in WHOLE else _victims(seed, number, kind, nodes), amount)


def _victims(seed: int, number: int, kind: Kind, nodes: list[str]) -> tuple[str, ...]:
    """One node; of a split any part; at times all but one, so that there is a last survivor."""
    shuffled = sorted(nodes, key=lambda node: draw(seed, number, kind, node, below=2**32))
    if kind is Kind.SPLIT:
        return tuple(shuffled[: 1 + draw(seed, number, "part", below=len(nodes) - 1)])
    many = kind in (Kind.KILL, Kind.LINK, Kind.UPLINK, Kind.FREEZE) and draw(seed, number, kind, "many", below=4) == 0
    return tuple(shuffled[: max(1, len(nodes) - 1)] if many else shuffled[:1])
