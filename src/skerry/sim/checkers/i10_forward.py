"""I10: followed terms, plan ids, generations and roster versions never go back; numbers of a life grow.

That holds for every node's disk and for the manager's store, which besides gives no word to the site before it has kept
it: a generation or verdict that was said and forgotten would be given a second time with other content (J4).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from skerry.core.conversation import DECLARE_DEAD, KINDS, Exchange
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.custody.model import Later
from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.wire import Follow
from skerry.core.group.granting.model import DEAD_PREFIX, DeclaredDead, Living
from skerry.core.group.journal.chain import BASE_PREFIX, ENTRY_PREFIX, Base
from skerry.core.group.journal.model import Acknowledgement
from skerry.core.group.succession.machine import COUNTING_KEY
from skerry.core.group.succession.model import Closing
from skerry.core.kernel.effects import Drop, Persist, Put
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode, digest_bytes
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.intent.holds import HOLD_PREFIX, RIGHT, Hold
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.pieces import kept_piece

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

WORDS = (f"{DOCUMENT_PREFIX}{HOLD_PREFIX}", f"{DOCUMENT_PREFIX}{DEAD_PREFIX}")
"""Those of them that lapse."""
INTENTS = f"{DOCUMENT_PREFIX}intent/"
ROSTERS = f"{DOCUMENT_PREFIX}roster/"


class Forward(Checker):
    """Compares what becomes durable with what was."""

    property_id = "I10"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._kept: set[bytes] = set()
        """Signatures of all documents that the manager's store ever held."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Whatever has a version gets a higher one."""
        self._forward(machine.name, machine.disk, changes)

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """At the manager too."""
        self._forward("the manager", self.world.manager.store, changes)
        self._kept.update(
            decode(c.value, Sealed).signature
            for c in changes
            if not isinstance(c, Drop) and c.key.startswith(DOCUMENT_PREFIX)
        )

    def on_answer(self, node: NodeId, carried: Exchange) -> None:
        """It says nothing that it has not kept."""
        for sealed in carried.items:
            if sealed.signature not in self._kept:
                said = decode(sealed.statement, Statement)
                self.broken(f"the manager says {said.kind} {said.number} and has not kept it")

    def _forward(self, whose: str, held: dict[str, bytes], changes: Sequence[Persist]) -> None:
        for change in changes:
            if isinstance(change, Drop):
                self._may_go(whose, held, change, changes)
                continue
            old = held.get(change.key)
            if change.key.startswith(ENTRY_PREFIX):
                self._has_predecessor(whose, held, change, {c.key: c.value for c in changes if isinstance(c, Put)})
            elif old is None:
                continue
            elif change.key == FOLLOWED_KEY:
                self._grows(whose, change.key, (decode(old, Follow).term,), (decode(change.value, Follow).term,))
            elif change.key == COUNTING_KEY:
                self._grows(whose, change.key, (decode(old, int),), (decode(change.value, int),))
            elif change.key.startswith(DOCUMENT_PREFIX):
                self._grows(whose, change.key, _version(old), _version(change.value))

    def _may_go(self, whose: str, held: dict[str, bytes], drop: Drop, changes: Sequence[Persist]) -> None:
        """Of documents only a hold and an operator's word that a node is off do, with the roster that takes its
        author's right to it, or shows that it was taken meanwhile; and at nodes what was handed in at one that the
        roster takes out."""
        if drop.key.startswith(WORDS):
            self.premise()
            word = decode(decode(held[drop.key], Sealed).statement, Statement)
            taken = (_roster(c.value) for c in changes if isinstance(c, Put) and c.key.startswith(ROSTERS))
            if any(_has_no_right(word, roster) for roster in taken):
                return
        if drop.key.startswith(INTENTS) and whose != "the manager" and _is_forsaken(held[drop.key], changes):
            return
        if drop.key.startswith(DOCUMENT_PREFIX) or drop.key == FOLLOWED_KEY:
            self.broken(f"{whose} forgets {drop.key}")

    def _grows(self, whose: str, key: str, old: tuple[object, ...], new: tuple[object, ...]) -> None:
        self.premise()
        if not new > old:
            self.broken(f"{key} at {whose} goes from {old} to {new}")

    def _has_predecessor(self, whose: str, held: dict[str, bytes], put: Put, new: dict[str, bytes]) -> None:
        """Or knows where what it has dropped, or lost, ended."""
        piece, chain = kept_piece(put.value), put.key.rsplit("/", 1)[0]
        before = f"{chain}/{piece.first - 1:08d}"
        if piece.first == 1 or before in held or before in new:
            return
        key = BASE_PREFIX + chain.removeprefix(ENTRY_PREFIX)
        raw = new.get(key, held.get(key))
        base = decode(raw, Base) if raw is not None else None
        if base is None or piece.first - 1 not in (base.number, *(last for _, last in base.lost)):
            self.broken(f"{whose} keeps {put.key} and not {before}")


def _is_forsaken(raw: bytes, changes: Sequence[Persist]) -> bool:
    word = decode(decode(raw, Sealed).statement, Statement)
    rosters = [_roster(c.value) for c in changes if isinstance(c, Put) and c.key.startswith(ROSTERS)]
    local = decode(word.body, IntermediateRepresentation).local
    return local and any(word.signer not in roster.members for roster in rosters)


def _roster(raw: bytes) -> Roster:
    return decode(decode(decode(raw, Sealed).statement, Statement).body, Roster)


def _has_no_right(word: Statement, roster: Roster) -> bool:
    """Neither an operator who has had the right to it ever since, nor a guest that was there all the time."""
    said: Any = decode(word.body, KINDS[word.kind])
    if isinstance(said, Living):
        return False
    right = RIGHT if isinstance(said, Hold) else DECLARE_DEAD
    operator, guest = roster.operators.get(word.signer), roster.guest(word.signer)
    lately = operator is not None and operator.since.get(right, 0) > said.roster
    anew = guest is not None and (guest.dismissed or guest.since > said.roster)
    return (operator is None or right not in operator.may or lately) and (guest is None or anew)


@lru_cache(maxsize=1_024)  # each document is kept by all of a site, at about the same time
def _version(raw: bytes) -> tuple[object, ...]:
    statement = decode(decode(raw, Sealed).statement, Statement)
    body: Any = decode(statement.body, KINDS[statement.kind])
    match body:
        case Plan(id=plan):
            return (plan.term, plan.leader, plan.number)
        case RoleFit(version=version) | Later(version=version):
            return (version,)
        case Verdict(number=number):
            return (number,)
        case Hold(number=number, lifted=lifted):
            return (number, lifted)
        case DeclaredDead() | Living():
            return body.version
        case Closing(through=through):
            return (through,)
        case Acknowledgement(number=number):
            return (number,)
        case _:  # of one generation everybody takes the same content, the manager's before a local one
            return (body.generation, not getattr(body, "local", False), digest_bytes(statement.body))
