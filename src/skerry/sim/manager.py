"""Head office, scripted: it answers questions, keeps what the site reports, and changes its mind.

It signs rosters, site settings and intents; it takes fits, plans and journals as they come up, chains as prefixes
without gaps, and says in each answer what it holds (J1, J3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from skerry.core.conversation import Exchange, Refused, document_of, key_in, kind_of, opened
from skerry.core.group.custody.model import CARRY_MAX, Kept, Version
from skerry.core.group.journal.model import Entry, chain_name
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster, RosterEntry
from skerry.sim.keys import StandInSigner

if TYPE_CHECKING:
    from skerry.sim.world import World

SESSION_LEASE_MS = 5_000


class Manager:
    """One manager of one site, and the links to it."""

    def __init__(self, world: World, name: str, signer: StandInSigner) -> None:
        self.world = world
        self.name = ManagerId(name)
        self.signer = signer
        self.up = True
        self.chance = world.chance.child("manager")
        self.kept: dict[str, Kept] = {}
        self.chains: dict[str, list[Sealed]] = {}
        self.acknowledged: dict[str, int] = {}
        """The highest head that it ever said it holds of a chain."""
        self.intents: dict[str, IntermediateRepresentation] = {}
        self.history: list[IntermediateRepresentation] = []
        """Every generation that it ever issued."""
        self._number = 0
        self._epochs: dict[str, int] = {}

    # --- what it issues -------------------------------------------------------------------------------------------

    def found_site(self) -> None:
        """Write what every node holds after it has joined."""
        world, options = self.world, self.world.options
        members = {m.name: RosterEntry(node=m.name, public_key=m.signer.public_key) for m in world.machines.values()}
        roster = Roster(
            site=world.site,
            version=1,
            predecessor="",
            manager=self.name,
            manager_key=self.signer.public_key,
            members=members,
        )
        site = msgspec.structs.replace(
            world.book.site,
            name=world.site,
            generation=1,
            tie_breaker=options.tie_breaker,
            run_once_lease_ms=options.lease_ms,
            uplink_lost_after_ms=options.lost_after_ms,
            uplink_back_after_ms=options.back_after_ms,
        )
        self._issue(roster, roster)
        self._issue(site, roster)
        self.want(next(iter(world.book.intents)), 100)

    def want(self, name: str, percent: int) -> None:
        """Issue an intent's next generation."""
        ir = self.world.book.intents[name](self.name, self._generation(name), percent)
        self.intents[name] = ir
        self.history.append(ir)
        self._issue(ir, self.roster)

    def withdraw(self, name: str) -> None:
        """Its tombstone."""
        ir = msgspec.structs.replace(self.intents[name], generation=self._generation(name), withdrawn=True)
        self.intents[name] = ir
        self.history.append(ir)
        self._issue(ir, self.roster)

    @property
    def roster(self) -> Roster:
        """The one in force."""
        found: Roster = self.kept["roster/000001"].value
        return found

    def join_disk(self) -> dict[str, bytes]:
        """What joining leaves on a node's disk."""
        return {f"document/{name}": encode(kept.sealed) for name, kept in self.kept.items()}

    def _generation(self, name: str) -> int:
        return self.intents[name].generation + 1 if name in self.intents else 1

    def _issue(self, document: Any, roster: Roster) -> None:
        said = self._sealed(document)
        kept = document_of(said, roster)
        self.kept[kept.name] = kept

    def _sealed(self, body: Any) -> Verified[Any]:
        self._number += 1
        statement = Statement(
            kind=kind_of(body),
            site=self.world.site,
            signer=self.name,
            life="hq",
            number=self._number,
            body=encode(body),
        )
        return Verified(statement=statement, body=body, sealed=seal(self.signer, statement))

    # --- questions and answers ------------------------------------------------------------------------------------

    def send_up(self, node: str, payload: bytes) -> None:
        """From a node over its session."""
        self._carry((node, self.name), lambda: self._on_payload(node, payload))

    def _carry(self, link: tuple[str, str], arrive: Callable[[], None]) -> None:
        network = self.world.network
        if link in network.blocked or not self.up or self.chance.happens(network.loss_permille):
            return

        def arrived() -> None:
            if link not in network.blocked and self.up:
                arrive()

        self.world.loop.after(self.chance.between(2_000, 60_000), arrived)

    def _on_payload(self, node: str, payload: bytes) -> None:
        try:
            sealed = decode(payload, Sealed)
            statements = opened(
                sealed, self.world.site, lambda signer: key_in(self.roster, signer), self.world.verifier
            )
        except (Refused, msgspec.DecodeError):
            return
        for said in statements:
            if isinstance(said.body, Entry):
                self._take_entry(said)
            elif isinstance(said.body, Question):
                self._answer(node, said.body)
            else:
                self._take_document(said)

    def _take_entry(self, said: Verified[Entry]) -> None:
        chain = self.chains.setdefault(chain_name(said.statement.signer, said.statement.life), [])
        if said.statement.number == len(chain) + 1:
            chain.append(said.sealed)

    def _take_document(self, said: Verified[Any]) -> None:
        try:
            kept = document_of(said, self.roster)
        except Refused:
            return
        known = self.kept.get(kept.name)
        if known is None or known.version < kept.version:
            self.kept[kept.name] = kept

    def _answer(self, node: str, question: Question) -> None:
        """What I hold, and what of mine the site lacks."""
        theirs = decode(question.carried, Exchange)
        heads = {chain: len(entries) for chain, entries in self.chains.items()}
        self.acknowledged.update(heads)
        exchange = Exchange(versions=self.versions(), heads=heads, items=tuple(self._lacking(theirs.versions)))
        payload = encode(self._sealed(Answer(number=question.number, carried=encode(exchange))).sealed)
        self._carry((self.name, node), lambda: self._deliver(node, payload))

    def versions(self) -> dict[str, Version]:
        """What it holds."""
        return {name: kept.version for name, kept in sorted(self.kept.items())}

    def _lacking(self, theirs: dict[str, Version]) -> list[Sealed]:
        mine = [k for n, k in sorted(self.kept.items()) if k.author == self.name and not theirs.get(n, ()) >= k.version]
        return [kept.sealed for kept in mine][:CARRY_MAX]

    def _deliver(self, node: str, payload: bytes) -> None:
        shell = self.world.machines[node].shell
        if shell is not None and shell.sessions.get(self.name):
            self.world.overhear(payload)
            shell.receive(payload)

    # --- sessions -------------------------------------------------------------------------------------------------

    def review_sessions(self) -> None:
        """Open and lose sessions as the links allow, each in its own time."""
        for machine in self.world.machines.values():
            shell = machine.shell
            if shell is None or self.name not in shell.sessions:
                continue
            able = self.reachable(machine.name)
            if able == shell.sessions[self.name]:
                continue
            epoch = self._epochs[machine.name] = self._epochs.get(machine.name, 0) + 1
            delay_ms = self.chance.between(30, 600) if able else SESSION_LEASE_MS
            self.world.loop.after(delay_ms * 1_000, self._change(machine.name, epoch, able))

    def _change(self, node: str, epoch: int, able: bool) -> Callable[[], None]:
        def due() -> None:
            shell = self.world.machines[node].shell
            if shell is not None and self._epochs[node] == epoch and self.reachable(node) == able:
                shell.on_session(self.name, able)

        return due

    def reachable(self, node: str) -> bool:
        """Whether a node's agent and this manager could speak to each other."""
        blocked = self.world.network.blocked
        return (
            self.up
            and self.world.machines[node].answers
            and (node, self.name) not in blocked
            and (self.name, node) not in blocked
        )
