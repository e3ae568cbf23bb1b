"""Somebody in the network who hears everything and holds no key of the site; and members that say what they may not.

What it makes up with keys of its own, or none, must be stopped before the core; what a member signs and may not say
(another's plan, the manager's word) has to be refused by the core; kinds and bodies that this version does not know
come from a member of a newer version, and are nobody's fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from skerry.core.conversation import Exchange, kind_of
from skerry.core.group.custody.model import Carry
from skerry.core.group.election.wire import FollowMe
from skerry.core.group.journal.chain import ENTRY_PREFIX
from skerry.core.group.journal.model import Entry
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.negotiation.model import Plan
from skerry.sim.keys import StandInSigner

if TYPE_CHECKING:
    from skerry.sim.world import World

HEARD_MAX = 300
GAP_MS = (40, 900)


class Adversary:
    """Replays what it heard, and makes things up."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance.child("adversary")
        self.forged: set[bytes] = set()
        """Signatures of statements that no key of the site made."""
        self.overstepping: set[bytes] = set()
        """Signatures of statements that a member made and may not say."""
        self._chance_up = world.chance.child("adversary of the manager")
        self._signer = StandInSigner("mallory", world.options.seed)
        self._heard: deque[bytes] = deque(maxlen=HEARD_MAX)
        self._over = True
        self._number = 0
        self._tricks: dict[str, Callable[[str], bytes | None]] = {
            "message.replayed": self._replay,
            "forged.signature": self._forge,
            "forged.stranger": self._as_stranger,
            "forged.other_site": self._of_another_site,
            "forged.unknown_kind": self._unknown_kind,
            "forged.malformed": self._malformed,
            "forged.malformed_body": self._malformed_body,
            "forged.no_envelope": self._no_envelope,
            "forged.not_its_word": self._not_its_word,
        }

        self._tricks_up: dict[str, Callable[[str], bytes | None]] = {
            "message.replayed_up": self._replay,
            "forged.question": self._question_of_nobody,
            "forged.stranger_up": self._question_of_a_stranger,
            "forged.entry": self._changed_entry,
        }

    def begin(self) -> None:
        """Start."""
        self._over = False
        self._later()
        self._later_up()

    def end(self) -> None:
        """Stop."""
        self._over = True

    def overhear(self, payload: bytes) -> None:
        """Remember some of it, some for long."""
        if not self._over and self.chance.happens(200):
            self._heard.append(payload)

    def _later(self) -> None:
        self.world.loop.after(self.chance.between(*GAP_MS) * 1_000, self._next)

    def _next(self) -> None:
        if self._over:
            return
        name = "message.replayed" if self.chance.happens(500) else self.chance.pick(list(self._tricks))
        victim = self.chance.pick(list(self.world.machines))
        payload = self._tricks[name](victim)
        machine = self.world.machines[victim]
        if payload is not None and machine.answers:
            self.world.coverage.hit(f"fault.{name}")
            machine.receive(payload)
        self._later()

    def _later_up(self) -> None:
        self.world.loop.after(self._chance_up.between(*GAP_MS) * 1_000, self._next_up)

    def _next_up(self) -> None:
        """Something comes to the manager over a member's session."""
        if self._over:
            return
        manager = self.world.manager
        name = self._chance_up.pick(list(self._tricks_up))
        member = self._chance_up.pick(list(self.world.machines))
        payload = self._tricks_up[name](member) if manager.reachable(member) else None
        if payload is not None:
            self.world.coverage.hit(f"fault.{name}")
            manager.receive(member, payload)
        self._later_up()

    # --- tricks ---------------------------------------------------------------------------------------------------

    def _replay(self, victim: str) -> bytes | None:
        return self.chance.pick(self._heard) if self._heard else None

    def _forge(self, victim: str) -> bytes | None:
        """A real statement, changed, or a bid to be followed in a member's name."""
        if self._heard and self.chance.happens(500):
            statement = decode(decode(self.chance.pick(self._heard), Sealed).statement, Statement)
            statement = msgspec.structs.replace(statement, number=statement.number + 1_000)
        else:
            statement = self._statement(FollowMe(term=self.chance.between(1, 50)), signer=self._member(victim))
        return self._signed_by_nobody(statement)

    def _as_stranger(self, victim: str) -> bytes | None:
        statement = self._statement(FollowMe(term=99), signer="mallory")
        return encode(seal(self._signer, statement))

    def _of_another_site(self, victim: str) -> bytes | None:
        statement = self._statement(FollowMe(term=99), signer=self._member(victim))
        return self._signed_by_nobody(msgspec.structs.replace(statement, site="elsewhere"))

    def _unknown_kind(self, victim: str) -> bytes | None:
        member = self._member(victim)
        statement = msgspec.structs.replace(self._statement(FollowMe(term=1), signer=member), kind="poem", protocol=2)
        return encode(seal(self.world.machines[member].signer, statement))

    def _malformed(self, victim: str) -> bytes | None:
        return encode(Sealed(statement=self._noise(), signature=self._noise()))

    def _malformed_body(self, victim: str) -> bytes | None:
        member = self._member(victim)
        statement = msgspec.structs.replace(self._statement(FollowMe(term=1), signer=member), body=self._noise())
        return encode(seal(self.world.machines[member].signer, statement))

    def _no_envelope(self, victim: str) -> bytes | None:
        return self._noise()

    def _not_its_word(self, victim: str) -> bytes | None:
        """A member signs another's plan, or the manager's word, and somebody carries it."""
        member = self._member(victim)
        if self.chance.happens(500):
            others = [name for name in self.world.machines if name != member]
            if not others:
                return None
            plan_id = PlanId(term=self.chance.between(1, 90), leader=NodeId(self.chance.pick(others)), number=1)
            body: Any = Plan(id=plan_id, members=(), sections={})
        else:
            intent = next(iter(self.world.manager.irs.values()))
            body = msgspec.structs.replace(intent, generation=intent.generation + 1, withdrawn=True)
        signer = self.world.machines[member].signer
        sealed = seal(signer, self._statement(body, signer=member))
        self.overstepping.add(sealed.signature)
        return encode(seal(signer, self._statement(Carry(items=(sealed,)), signer=member)))

    def _question_of_nobody(self, member: str) -> bytes | None:
        question = Question(number=self._chance_up.between(1, 99), carried=encode(Exchange(versions={}, heads={})))
        return self._signed_by_nobody(self._statement(question, signer=member))

    def _question_of_a_stranger(self, member: str) -> bytes | None:
        question = Question(number=self._chance_up.between(1, 99), carried=encode(Exchange(versions={}, heads={})))
        return encode(seal(self._signer, self._statement(question, signer="mallory")))

    def _changed_entry(self, member: str) -> bytes | None:
        """A member hands on what another wrote, with a word of it changed (J1)."""
        disk, stored = self.world.machines[member].disk, self.world.manager.store
        news = sorted(key for key in disk if key.startswith(ENTRY_PREFIX) and key not in stored)
        if not news:
            return None
        sealed = decode(disk[self._chance_up.pick(news)], Sealed)
        statement = decode(sealed.statement, Statement)
        if statement.kind != "entry":  # a sum of readings, which nobody hands on changed
            return None
        entry = decode(statement.body, Entry)
        other = msgspec.structs.replace(statement, body=encode(msgspec.structs.replace(entry, about=f"{entry.about}!")))
        exchange = Exchange(versions={}, heads={}, items=(Sealed(statement=encode(other), signature=sealed.signature),))
        question = self._statement(Question(number=1, carried=encode(exchange)), signer=member)
        return encode(seal(self.world.machines[member].signer, question))

    # --- its tools ------------------------------------------------------------------------------------------------

    def _member(self, victim: str) -> str:
        others = [name for name in self.world.machines if name != victim]
        return self.chance.pick(others or [victim])

    def _statement(self, body: Any, *, signer: str) -> Statement:
        self._number += 1
        return Statement(
            kind=kind_of(body),
            site=self.world.site,
            signer=signer,
            life=f"{self.chance.bits():016x}",
            number=self._number,
            body=encode(body),
        )

    def _signed_by_nobody(self, statement: Statement) -> bytes:
        sealed = seal(self._signer, statement)
        self.forged.add(sealed.signature)
        return encode(sealed)

    def _noise(self) -> bytes:
        return b"\xc1" + self.chance.bits().to_bytes(8, "big") * self.chance.between(1, 4)
