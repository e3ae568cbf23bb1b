"""What kind of world a seed stands for: its size, its clocks, its network, and which faults it knows.

Every world draws a mix of its own (a swarm of them finds more than one that has everything at once).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from skerry.core.actors.telling import ACKNOWLEDGE_EVERY_MS
from skerry.core.group.journal.model import AS_SHIPPED, Retention
from skerry.sim.chance import Chance
from skerry.sim.clocks import DRIFT_PPM_MAX
from skerry.sim.faults.names import FAULTS
from skerry.sim.graphs import GRAPHS, MESH_PERMILLE

SIZES = (1, 2, 3, 3, 4, 5, 5, 5, 6, 7)
FEW, FEW_PERMILLE = (1, 2, 3), 120
"""More of the smallest: with one, two and three nodes each rule has a case of its own."""
MANY, MANY_PERMILLE = ((8, 12), (8, 12), (8, 12), (13, 24), (13, 24), (25, 60)), 30
"""A world costs what all of its nodes say to each other: large ones are rare, and shorter."""
SAFETY_MIN_MS = 8_000
LEASES_MS = (2_000, 3_000, 3_000, 3_000, 8_000)
READINGS_MS = (1_000, 2_000, 30_000)
LOST_AFTER_MS = (2_000, 2_000, 4_000)
BACK_AFTER_MS = (1_000, 3_000)
LENGTHS_MS = ((100, 1_500), (1_000, 6_000), (4_000, 20_000))
RESTS_MS = (0, 5_000, 60_000)
KEPT_MS = (0, 0, 0, 3_000, 600_000)
BYTES = (4_000, 60_000, 16_000_000)
CALM_LOSS_PERMILLE = (0, 0, 5, 30, 100)
CALM_DELAY_MAX_MS = (3, 10, 40, 120)
CORE_PERMILLE = 600
RUNS_ALONE_PERMILLE = 150
WRITTEN_PERMILLE = 400
ABSENT_PERMILLE = 40
GUESTS: tuple[tuple[str, ...], ...] = ((), (), (), ("m2",), ("m2",), ("m2", "m3"))
LATE_PERMILLE = 400
LATE_MS = (1_000, 15_000)


@dataclass(frozen=True, kw_only=True)
class Options:
    """One world's constants."""

    seed: int
    site: str = "shop"
    manager: str = "hq"
    """The home manager's name."""
    guests: tuple[str, ...] = ()
    """Further managers, which own intents of their own (D25)."""
    late_ms: int = 0
    """When the last of the guests is admitted, after everything was switched on; 0: all belong there from the start."""
    absent: bool = False
    """The home manager is never there: every node has joined, and that was all."""
    nodes: tuple[str, ...]
    tie_breaker: str | None
    lease_ms: int
    lost_after_ms: int
    back_after_ms: int
    loss_permille: int
    duplicate_permille: int
    delay_max_ms: int
    spike_permille: int
    """Of messages that take up to five seconds."""
    drift_ppm: dict[str, int]
    faults: tuple[str, ...]
    """Kinds of faults that happen here."""
    only_faults: frozenset[int] | None = None
    """Of the faults as they are drawn the numbers of those that happen; None: all of them."""
    fault_gap_max_ms: int
    fault_lengths_ms: tuple[tuple[int, int], ...] = LENGTHS_MS
    """Ranges, one of which is drawn for each fault."""
    safety_ms: int
    liveness_ms: int
    cold: bool
    """The site starts cut off: every node has joined, and none has ever spoken to another."""
    adversary: bool
    stubborn_permille: int
    """Of programs that do not heed TERM, and are killed at the end of their time."""
    retention: Retention = AS_SHIPPED
    """Of what the manager acknowledged."""
    acknowledge_every_ms: int = ACKNOWLEDGE_EVERY_MS
    graph: str = "mesh"
    """Who can hear whom while nothing is healed (`graphs`)."""
    walls_wrong: bool = False
    """Machines come with wall clocks in 1970 and 2099, and the site tells nobody."""
    runs_alone: bool = False
    """What is exclusive runs where there is no quorum, too: the catalogue gives exclusiveness up (X8)."""
    written: bool = False
    """People wrote another catalogue than the book's, and write it anew now and then (`written`)."""
    core_permille: int = 0
    """How likely it is that only a part of the world is healed in the end (`healed`)."""

    @property
    def walls_differ(self) -> bool:
        """Whether wall clocks show anything (T1)."""
        return self.walls_wrong or any(kind.startswith("clock.") for kind in self.faults)


HARMLESS: Mapping[str, Mapping[str, Any]] = {
    "adversary": {"adversary": False},
    "clocks": {"walls_wrong": False},
    "cold": {"cold": False},
    "core": {"core_permille": 0},
    "delay": {"spike_permille": 0, "delay_max_ms": min(CALM_DELAY_MAX_MS)},
    "doubles": {"duplicate_permille": 0},
    "graph": {"graph": "mesh"},
    "surrender": {"runs_alone": False},
    "loss": {"loss_permille": 0},
    "managers": {"guests": (), "absent": False, "late_ms": 0},
    "writing": {"written": False},
}
"""To each thing that a world can be without the options that it then has."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is to be the same in every world of a run, whatever its seed draws."""

    nodes: int | None = None
    calm: bool = False
    """Nothing is broken, lost or late: for measuring what a site costs, not what it survives."""
    safety_ms: int | None = None
    without: tuple[str, ...] = ()
    """Names of `HARMLESS`, or `drift`."""
    only_faults: frozenset[int] | None = None
    """Of the faults as they are drawn the numbers of those that happen."""

    def of(self, options: Options) -> Options:
        """The drawn world, so shaped."""
        if self.nodes is not None and self.nodes != len(options.nodes):
            names = tuple(f"n{i + 1}" for i in range(self.nodes))
            drifts = list(options.drift_ppm.values())
            options = replace(
                options,
                nodes=names,
                tie_breaker=options.tie_breaker and names[0],
                drift_ppm={name: drifts[i % len(drifts)] for i, name in enumerate(names)},
            )
        for name in HARMLESS if self.calm else self.without:
            options = replace(options, **HARMLESS.get(name, {}))
        if "drift" in self.without:
            options = replace(options, drift_ppm=dict.fromkeys(options.nodes, 0))
        return replace(
            options,
            faults=() if self.calm else options.faults,
            only_faults=self.only_faults,
            safety_ms=options.safety_ms if self.safety_ms is None else self.safety_ms,
        )


AS_DRAWN = Shape()
WITHOUT = (*HARMLESS, "drift")
"""All that a world can be without."""


def draw_options(seed: int, safety_ms: int, liveness_ms: int) -> Options:
    """The world of a seed."""
    chance = Chance(seed).child("options")
    kinds, shapes = chance.child("faults"), chance.child("shapes")
    nodes = tuple(f"n{i + 1}" for i in range(_size(chance)))
    journal = chance.child("journal")
    forgetful = journal.happens(500)
    managers, late = chance.child("managers"), chance.child("late")
    absent = managers.happens(ABSENT_PERMILLE)
    return Options(
        seed=seed,
        nodes=nodes,
        guests=() if absent else managers.pick(GUESTS),
        absent=absent,
        late_ms=late.between(*LATE_MS) if late.happens(LATE_PERMILLE) else 0,
        tie_breaker=chance.pick(nodes) if chance.happens(700) else None,
        lease_ms=chance.pick(LEASES_MS),
        lost_after_ms=chance.pick(LOST_AFTER_MS),
        back_after_ms=chance.pick(BACK_AFTER_MS),
        loss_permille=chance.pick(CALM_LOSS_PERMILLE),
        duplicate_permille=chance.pick((0, 0, 10, 100)),
        delay_max_ms=chance.pick(CALM_DELAY_MAX_MS),
        spike_permille=chance.pick((0, 0, 2, 20)),
        drift_ppm=_drifts(nodes, chance),
        faults=tuple(kinds.sample(FAULTS, kinds.between(2, len(FAULTS)))) if chance.happens(950) else (),
        fault_gap_max_ms=chance.pick((1_500, 4_000, 9_000)),
        safety_ms=_shortened(safety_ms, len(nodes)),
        liveness_ms=liveness_ms,
        cold=chance.happens(150),
        adversary=chance.happens(500),
        stubborn_permille=chance.pick((100, 300, 1_000)),
        graph="mesh" if shapes.happens(MESH_PERMILLE) else shapes.pick(GRAPHS),
        walls_wrong=shapes.happens(100),
        runs_alone=chance.child("surrender").happens(RUNS_ALONE_PERMILLE),
        written=chance.child("writing").happens(WRITTEN_PERMILLE),
        core_permille=CORE_PERMILLE,
        retention=_retention(journal) if forgetful else AS_SHIPPED,
        acknowledge_every_ms=journal.pick((1_000, 5_000)) if forgetful else ACKNOWLEDGE_EVERY_MS,
    )


def _retention(chance: Chance) -> Retention:
    """Little enough that journals are dropped and folded within a world's time."""
    rest = chance.child("rest")
    return Retention(
        keep_ms=chance.pick(KEPT_MS),
        bytes_max=chance.pick(BYTES),
        fold_from=chance.pick((2, 8, 128)),
        rest_ms=rest.pick(RESTS_MS),
        rest_graces=1,
    )


def _size(chance: Chance) -> int:
    """How many nodes: mostly few, seldom up to sixty."""
    usual, sizes = chance.pick(SIZES), chance.child("size")
    if sizes.happens(MANY_PERMILLE):
        return sizes.between(*sizes.pick(MANY))
    return sizes.pick(FEW) if sizes.happens(FEW_PERMILLE) else usual


def _shortened(safety_ms: int, nodes: int) -> int:
    """The safety phase of a world of so many nodes."""
    return max(safety_ms * max(SIZES) // nodes, min(safety_ms, SAFETY_MIN_MS)) if nodes > max(SIZES) else safety_ms


def _drifts(nodes: tuple[str, ...], chance: Chance) -> dict[str, int]:
    """No drift, the extremes, or anything between."""
    kind = chance.between(0, 2)
    if kind == 0:
        return dict.fromkeys(nodes, 0)
    if kind == 1:
        return {node: chance.pick((-DRIFT_PPM_MAX, DRIFT_PPM_MAX)) for node in nodes}
    return {node: chance.between(-DRIFT_PPM_MAX, DRIFT_PPM_MAX) for node in nodes}
