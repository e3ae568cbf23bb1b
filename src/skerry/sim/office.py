"""What operators do at head office and at the site, by the rules that make documents of it.

Manifests are kept in the manager's store with the documents that came of them, or neither is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from skerry.core.actors.operators import HAND_OVER
from skerry.core.conversation import DECLARE_DEAD, DeclareDeadAsked, kind_of, open_sealed
from skerry.core.group.election.wire import HandOverAsked, HandOverWanted
from skerry.core.group.granting.model import DEAD_PREFIX, DeclaredDead
from skerry.core.kernel.ids import ManagerId, NodeId
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import encode
from skerry.core.stages.intent import holds
from skerry.core.stages.intent.events import LocalIntent, LocalIntentGiven
from skerry.core.stages.intent.local import RIGHT
from skerry.core.stages.intent.model import Catalogue, Intent, Site
from skerry.core.stages.intent.model.quantities import parse
from skerry.core.stages.intent.model.site_kinds import Uplink
from skerry.core.stages.ir.issuing import Applied, Held, Word, words_for
from skerry.core.stages.ir.model import IntermediateRepresentation, Operator
from skerry.core.stages.ir.rules import translate
from skerry.sim.chance import Chance
from skerry.sim.keys import StandInSigner
from skerry.sim.options import BACK_AFTER_MS, LEASES_MS, LOST_AFTER_MS, READINGS_MS
from skerry.sim.written import asked_otherwise, written_otherwise

if TYPE_CHECKING:
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

OPERATORS = {"ann": (RIGHT, DECLARE_DEAD, holds.RIGHT, HAND_OVER), "bob": ()}
"""Who may do what at the site itself."""


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """What head office has in its books."""

    intents: dict[str, Intent] = field(default_factory=dict)
    local: dict[str, Intent] = field(default_factory=dict)
    """Handed in at the site, and taken over."""

    def without(self, name: str) -> Manifests:
        """All but this intent."""
        return Manifests(
            intents={n: i for n, i in self.intents.items() if n != name},
            local={n: i for n, i in self.local.items() if n != name},
        )


class Office:
    """The people of one world, and their keys."""

    def __init__(self, world: World, owner: ManagerId) -> None:
        self.world = world
        self.owner = owner
        self.signers = {name: StandInSigner(name, world.options.seed) for name in OPERATORS}
        self.place = self._placed(world.book.place)
        self.longest_lease_ms = world.options.lease_ms
        """Of all that the site was ever given."""
        self.longest_reading_ms = parse(self.place.spec.reading_every, "duration")
        """Likewise."""
        self.longest_lost_after_ms = world.options.lost_after_ms
        """Likewise."""
        self.catalogue = self._as_in_the_book()
        self._chance = world.chance.child(f"writing {owner}")
        self._editions = 0
        """Of the catalogue."""
        if world.options.written:
            self.write_anew()
        self._said = 0

    def write_anew(self) -> None:
        """Another catalogue; what it means for what was applied, the site is told with the next word."""
        self._editions += 1
        self.catalogue = written_otherwise(self._as_in_the_book(), self._chance, self._editions)
        self.world.coverage.hit("state.written" if self._editions == 1 else "fault.written_anew")

    def settle_anew(self, chance: Chance) -> None:
        """What grants go by is another: how long they last, and who decides halves; how often readings are written; and
        for how long a manager has to be silent, or back. The site is told with the next word."""
        lease_ms = chance.pick((self.world.options.lease_ms, chance.pick(LEASES_MS)))
        self.longest_lease_ms = max(self.longest_lease_ms, lease_ms)
        breaker = chance.pick((*self.world.machines, None))
        every_ms = chance.pick(READINGS_MS)
        self.longest_reading_ms = max(self.longest_reading_ms, every_ms)
        lost_after_ms, back_after_ms = chance.pick(LOST_AFTER_MS), chance.pick(BACK_AFTER_MS)
        self.longest_lost_after_ms = max(self.longest_lost_after_ms, lost_after_ms)
        spec = msgspec.structs.replace(
            self.place.spec,
            run_once_lease=f"{lease_ms}ms",
            tie_breaker=breaker,
            reading_every=f"{every_ms}ms",
            uplink=_graces(self.place.spec.uplink, lost_after_ms, back_after_ms),
        )
        self.place = msgspec.structs.replace(self.place, spec=spec)
        self.world.coverage.hit("fault.settled_anew")

    def _as_in_the_book(self) -> Catalogue:
        book = self.world.book.catalogue
        return _giving_up(book) if self.world.options.runs_alone else book

    def _placed(self, written: Site) -> Site:
        """The example's site, with this world's times."""
        options = self.world.options
        uplink = _graces(written.spec.uplink, options.lost_after_ms, options.back_after_ms)
        spec = msgspec.structs.replace(
            written.spec, uplink=uplink, tie_breaker=options.tie_breaker, run_once_lease=f"{options.lease_ms}ms"
        )
        metadata = msgspec.structs.replace(written.metadata, name=self.world.site)
        return msgspec.structs.replace(written, spec=spec, metadata=metadata)

    def operators(self) -> dict[str, Operator]:
        """As rosters name them."""
        return {
            name: Operator(name=name, public_key=self.signers[name].public_key, may=may)
            for name, may in OPERATORS.items()
        }

    def asked(self, name: str, percent: int) -> Intent:
        """An intent of the book, with so much of its limits."""
        intent = self.world.book.intents[name]
        if self.world.options.written:
            intent = asked_otherwise(intent, self._chance)
        limits = {n: _scaled(str(v), percent) for n, v in intent.spec.limits.items()}
        return msgspec.structs.replace(intent, spec=msgspec.structs.replace(intent.spec, limits=limits))

    def words(self, held: Held, manifests: Manifests, named: frozenset[str] = frozenset()) -> tuple[Word, ...]:
        """What the site is to be told, for these manifests."""
        book = self.world.book
        applied = Applied(
            place=self.place if self.owner == self.world.options.manager else None,
            catalogue=self.catalogue,
            text=book.catalogue_text,
            intents=manifests.intents,
            local=manifests.local,
            named=named,
        )
        return words_for(held, applied, expressions=book.expressions, owner=self.owner)

    def translated(self, text: str) -> IntermediateRepresentation:
        """What was handed in at the site, looked up here. Raises ValueError."""
        return self._translated(self.world.book.read(text), generation=1, local=False)

    def hand_in(self, shell: Shell, operator: str, name: str) -> None:
        """An operator gives an intent to a node, whose API checks the signature and translates it (U4)."""
        picture = shell.agent.picture
        said = self.opened(operator, LocalIntent(manifests=self.world.book.texts[name]))
        known = next((ir for ir in picture.irs().values() if ir.name == name), None)
        generation = known.generation + 1 if known is not None else 1
        ir = self._translated(self.world.book.read(said.body.manifests), generation=generation, local=True)
        self.world.irs.append(ir)
        shell.post(LocalIntentGiven(request="", operator=operator, ir=ir, evidence=said.sealed))

    def have_lead(self, shell: Shell, operator: str, to: NodeId | None) -> None:
        """An operator says at a node who is to lead (L6)."""
        word = HandOverWanted(term=shell.agent.election.leadership.term, to=to)
        shell.post(HandOverAsked(request="", said=self.opened(operator, word)))

    def _translated(self, intent: Intent, *, generation: int, local: bool) -> IntermediateRepresentation:
        book = self.world.book
        return translate(
            intent,
            self.catalogue,
            expressions=book.expressions,
            owner=self.owner,
            generation=generation,
            local=local,
        )

    def opened(self, operator: str, body: Any) -> Verified[Any]:
        """What an operator says, checked like anything from outside."""
        return open_sealed(
            self._word(operator, body),
            self.world.site,
            lambda signer: self.signers[signer].public_key if signer in self.signers else None,
            self.world.verifier,
        )

    def _word(self, operator: str, body: Any) -> Sealed:
        return self.said(self.signers[operator], operator, body).sealed

    def declare_dead(self, shell: Shell, operator: str, node: NodeId) -> None:
        """An operator says at a node that another is off, a generation above what is known there (X8)."""
        kept = shell.agent.picture.custody.kept.get(f"{DEAD_PREFIX}{node}")
        generation, roster = kept.value.generation + 1 if kept is not None else 1, shell.agent.picture.roster().version
        body = DeclaredDead(node=node, generation=generation, roster=roster)
        if DECLARE_DEAD in OPERATORS[operator]:
            machine = self.world.machines[node]
            self.world.declared_dead.setdefault(node, -1 if machine.powered else machine.boots)
        shell.post(DeclareDeadAsked(request="", said=self.said(self.signers[operator], operator, body)))

    def said(self, signer: StandInSigner, name: str, body: Any) -> Verified[Any]:
        """A statement that somebody makes outside any agent."""
        self._said += 1
        statement = Statement(
            kind=kind_of(body), site=self.world.site, signer=name, life=name, number=self._said, body=encode(body)
        )
        return Verified(statement=statement, body=body, sealed=seal(signer, statement))


def _graces(uplink: Uplink, lost_after_ms: int, back_after_ms: int) -> Uplink:
    return msgspec.structs.replace(uplink, lost_after=f"{lost_after_ms}ms", back_after=f"{back_after_ms}ms")


def _giving_up(catalogue: Catalogue) -> Catalogue:
    """The same, but what is exclusive runs without a quorum, too (X8)."""
    roles = {
        name: msgspec.structs.replace(role, spec=msgspec.structs.replace(role.spec, when_no_quorum="run"))
        if role.spec.on_split == "run_once"
        else role
        for name, role in catalogue.roles.items()
    }
    return msgspec.structs.replace(catalogue, roles=roles)


def _scaled(amount: str, percent: int) -> str:
    """An amount in per cent: `20/s` at 150 is `30/s`."""
    return re.sub(r"^\d+", lambda digits: str(int(digits[0]) * percent // 100), amount)
