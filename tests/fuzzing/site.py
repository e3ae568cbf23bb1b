"""A small site in virtual time that has settled: its agents and manager are what the fuzzers speak to."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from skerry.api import accounts, sites
from skerry.cli.sim import example_book
from skerry.core.actors import report
from skerry.core.actors.agent import Agent
from skerry.core.actors.manager import ManagerSite
from skerry.core.conversation import AgentEvent, Heard, key_in, opened
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified
from skerry.core.kernel.values import decode, encode
from skerry.inputlog.snapshot import dump, load
from skerry.inputlog.state import state_digest
from skerry.sim.options import Shape, draw_options
from skerry.sim.world import World

SEED, NODES = 7, 3
SAFETY_MS, LIVENESS_MS = 15_000, 60_000
ME, PEER, MANAGER, STRANGER = "n1", "n2", "hq", "n9"
"""`ME` leads, `PEER` follows."""
WAKES, WAKE_MS = 30, 250


class Overhearing(World):
    """A world that keeps one statement of each kind and signer, and of what an entry is about."""

    def __init__(self) -> None:
        self.said: dict[tuple[str, str, str], bytes] = {}
        options = Shape(nodes=NODES, calm=True, safety_ms=SAFETY_MS).of(draw_options(SEED, SAFETY_MS, LIVENESS_MS))
        super().__init__(options, example_book())

    def overhear(self, payload: bytes) -> None:
        """Keep it, with what it carries."""
        super().overhear(payload)
        self._keep(decode(payload, Sealed))

    def _keep(self, sealed: Sealed) -> None:
        statement = decode(sealed.statement, Statement)
        what = decode(statement.body, Entry).what if statement.kind == "entry" else ""
        self.said[statement.kind, statement.signer, what] = statement.body
        if statement.kind == "carry":
            for item in decode(statement.body, dict)["items"]:
                self._keep(Sealed(statement=item[0], signature=item[1]))


@cache
def world() -> Overhearing:
    """The settled site."""
    made = Overhearing()
    made.run()
    for kept in made.machines[ME].disk:
        if kept.startswith("document/"):
            made._keep(decode(made.machines[ME].disk[kept], Sealed))
    return made


def agent_of(name: str) -> Agent:
    """The agent of a member, as the world left it."""
    shell = world().machines[name].shell
    assert shell is not None
    return shell.agent


@cache
def _state(name: str) -> bytes:
    return dump(agent_of(name))


@cache
def untouched(name: str) -> bytes:
    """The state of an agent that has heard nothing yet."""
    return Listener(name).state()


class Listener:
    """A node's agent, as its shell hands it what arrives."""

    def __init__(self, name: str = ME) -> None:
        machine = world().machines[name]
        self.agent: Agent = load(_state(name), machine.signer, world().book.expressions)
        self.at_ms = machine.boot_ms()
        self._inputs = 0

    def hear(self, payload: bytes) -> None:
        """Bytes of a peer. Raises `Refused` or `msgspec.DecodeError`, as `opened` does, and nothing else."""
        for one in self.opened(payload):
            self.step(Heard(said=one))

    def opened(self, payload: bytes) -> list[Verified[Any]]:
        """What the bytes of a peer say. Raises as `hear` does."""
        roster = self.agent.picture.roster()
        return opened(decode(payload, Sealed), world().site, lambda s: key_in(roster, s), world().verifier)

    def step(self, event: AgentEvent) -> Effects:
        """One event, and all that its effects are encoded for."""
        self._inputs += 1
        given = Input(id=f"fuzz-{self._inputs}", at_ms=self.at_ms, wall_ms=0, draw=7, event=event)
        effects = self.agent.step(given)
        self.agent.check_invariants()
        encode(effects)
        return effects

    def live_on(self) -> None:
        """Nobody says anything more, until it has led itself for a while."""
        for _ in range(WAKES):
            self.at_ms += WAKE_MS
            self.step(DeadlinePassed())

    def state(self) -> bytes:
        """All that it decides by."""
        return state_digest(self.agent)


def manager_site() -> ManagerSite:
    """The manager's own picture of the site, to be spoiled."""
    found = world().manager.site
    assert found is not None
    kept: dict[int, Any] = {id(found.signer): found.signer, id(found.handed_in): found.handed_in}
    return copy.deepcopy(found, kept)


def show(site: ManagerSite) -> None:
    """All that people are shown of a site."""
    sites.line(site)
    encode(sites.whole(site))
    encode(sites.fits(site))
    report.journal_page(site.journal, 0)
    office: Any = SimpleNamespace(sites={world().site: site})
    encode([accounts.intents(office), accounts.history(office), accounts.use(office)])


def disk() -> Mapping[str, bytes]:
    """What the agent's disk holds."""
    return world().machines[ME].disk
