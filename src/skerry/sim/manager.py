"""Head office: the very manager that runs for real, its store, its process, and the links to it.

The duties of what stands around it are those of `api/correspondence`: what a member says is verified piece by piece,
stepped, made durable with the manifests that it changes, and only then answered. A process that dies in between starts
again from its store; a store that takes nothing leaves memory as the store is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from skerry.core.actors.handed_in import HandedIn
from skerry.core.actors.hearing import opened_events
from skerry.core.actors.inbox import Inbox
from skerry.core.actors.manager import Authored, ManagerEvent, ManagerSite, SiteSaid
from skerry.core.conversation import Refused, kind_of, life_from, stored_documents
from skerry.core.group.custody.machine import stored_key
from skerry.core.group.custody.model import Version
from skerry.core.kernel.effects import Drop, Effects, Instruct, Persist, Put
from skerry.core.kernel.ids import IntentId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.intent.holds import Hold, against, may_hold
from skerry.core.stages.ir.issuing import withdrawn
from skerry.core.stages.ir.model import Guest, IntermediateRepresentation, Roster, RosterEntry, SiteDocument
from skerry.sim.keys import StandInSigner
from skerry.sim.office import Manifests, Office

if TYPE_CHECKING:
    from skerry.sim.world import World

SESSION_LEASE_MS = 5_000
WAITING_MAX = 1_000
WALL_OFFSET_MS = 1_700_000_000_000
INTENT_KEY = stored_key("intent/")
ROSTER_KEY = stored_key("roster/")


class Image(NamedTuple):
    """What a backup holds."""

    store: dict[str, bytes]
    manifests: Manifests
    irs: dict[IntentId, IntermediateRepresentation]
    withdrawn_us: dict[IntentId, int]


class Manager:
    """One manager of one site: its home manager, or a guest."""

    def __init__(self, world: World, name: str, signer: StandInSigner) -> None:
        self.world = world
        self.name = ManagerId(name)
        self.signer = signer
        self.chance = world.chance.child("manager" if name == world.options.manager else f"manager {name}")
        self.office = Office(world, self.name)
        self.store: dict[str, bytes] = {}
        self.manifests = Manifests()
        self.site: ManagerSite | None = None
        """What the process holds; None while there is none."""
        self.roster: Roster
        """The newest that the store ever held."""
        self.irs: dict[IntentId, IntermediateRepresentation] = {}
        """To each intent the generation that the store holds."""
        self.withdrawn_us: dict[IntentId, int] = {}
        """When an intent was withdrawn, if it is."""
        self.heard_us = 0
        """When a word of it last reached anybody."""
        self.heard_by_us: dict[str, int] = {}
        """The same, of each node."""
        self.takes_ms = 0
        """How long it takes over each message."""
        self.refuses = False
        """The store takes nothing."""
        self.die_after_commit: bool | None = None
        """Die in the next act that is to be kept: before it is, or after that and before anything of it leaves."""
        self._waiting: Inbox[str] = Inbox(WAITING_MAX)
        self._lives = 0
        self._life = ""
        self._said = 0
        self._inputs = 0
        self._epochs: dict[str, int] = {}

    # --- the process ----------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether there is a process."""
        return self.site is not None

    @property
    def may_speak(self) -> bool:
        """Whether there is one that knows what it last said (J4)."""
        return self.site is not None and self.site.may_speak

    def found_site(self) -> None:
        """Found the site, let every node join, apply what is wanted from the start."""
        world = self.world
        self._begin_life()
        roster = Roster(
            site=world.site,
            version=1,
            predecessor="",
            manager=self.name,
            manager_key=self.signer.public_key,
            members={},
            operators=self.office.operators(),
            guests=tuple(self._guest(name) for name in world.options.guests if not world.is_late(name)),
        )
        self.site = ManagerSite.found(roster, self.signer, self._handed_in())
        self.site.acknowledging.every_ms = world.options.acknowledge_every_ms
        self._commit(self.site.founding(), self.manifests)
        self.apply(next(iter(world.book.intents)), 100)
        members = {m.name: RosterEntry(node=m.name, public_key=m.signer.public_key) for m in world.machines.values()}
        self.say((self.site.next_roster(members=members),), self.manifests)

    def admit(self, name: str) -> None:
        """A guest belongs to the site from now on (D25)."""
        assert self.site is not None
        self.say((self.site.next_roster(guests=(*self.site.roster().guests, self._guest(name))),), self.manifests)

    def _guest(self, name: str) -> Guest:
        return Guest(name=ManagerId(name), public_key=self.world.managers[name].signer.public_key)

    def visit(self) -> None:
        """Be a guest, by what the home manager told; what is wanted from the start waits until a member was heard."""
        home = self.world.manager.site
        assert home is not None
        self._begin_life()
        told = [home.held_roster(), *(k for k in home.own_documents() if isinstance(k.value, SiteDocument))]
        self.site = ManagerSite.visit(self.world.site, self.name, self.signer, self._handed_in(), told)
        self.roster = self.site.roster()
        name = next(iter(self.world.book.intents))
        self._commit(self.site.founding(), Manifests(intents={name: self.office.asked(name, 100)}))
        self.review_sessions()

    @property
    def is_home(self) -> bool:
        """Whether the site's roster is its word."""
        return self.name == self.world.options.manager

    def start(self) -> None:
        """Start again from what the store holds; a manager that never was there does not."""
        if self.site is None and self.store and not self.world.options.absent:
            self._begin_life()
            self._reload()
            self.review_sessions()

    def mend(self) -> None:
        """Nothing is the matter with it from now on."""
        self.takes_ms, self.refuses, self.die_after_commit = 0, False, None
        self.start()

    def kill(self) -> None:
        """The process ends; what waited is lost."""
        self.site = None
        self._waiting.clear()
        self.review_sessions()

    def image(self) -> Image:
        """A backup of all that it has on its disk."""
        return Image(self.store.copy(), self.manifests, self.irs.copy(), self.withdrawn_us.copy())

    def put_back(self, image: Image) -> None:
        """Start again from a backup, whatever has happened since."""
        self.kill()
        self.store, self.manifests = image.store.copy(), image.manifests
        self.irs, self.withdrawn_us = image.irs.copy(), image.withdrawn_us.copy()
        self.world.on_manager_put_back(self)
        self.start()

    def _begin_life(self) -> None:
        self._lives += 1
        self._life, self._said = life_from(self.chance.bits()), 0

    def _reload(self) -> None:
        opened = stored_documents(self.store, self.world.site, self.world.verifier)
        self.site = ManagerSite.recover(self.world.site, self.name, self.signer, self._handed_in(), self.store, opened)
        self.site.acknowledging.every_ms = self.world.options.acknowledge_every_ms

    def _handed_in(self) -> HandedIn:
        return HandedIn(site=self.world.site, verifier=self.world.verifier, translate=self.office.translated)

    def join_disk(self) -> dict[str, bytes]:
        """What joining leaves on a node's disk."""
        assert self.site is not None
        return {stored_key(kept.name): encode(kept.sealed) for kept in self.site.own_documents()}

    def wall_ms(self) -> int:
        """What its wall clock shows."""
        return WALL_OFFSET_MS + self.world.loop.now_us // 1_000

    def versions(self, theirs: Mapping[str, Version] | None = None) -> dict[str, Version]:
        """What it holds, as who holds `theirs` sees it; nothing while there is no process."""
        return self.site.versions(theirs) if self.site is not None else {}

    # --- what operators do ----------------------------------------------------------------------------------------

    def apply(self, name: str, percent: int) -> bool:
        """An intent of the book, with so much of its limits; whether it was kept."""
        if self.site is None or not self.site.may_speak:
            return False
        intents = {**self.manifests.intents, name: self.office.asked(name, percent)}
        manifests = replace(self.manifests, intents=intents)
        named = frozenset({f"intent/{self.name}/{name}"})
        return self.say(self.office.words(self.site.held(), manifests, named), manifests)

    def withdraw(self, name: str) -> bool:
        """Delete an intent; whether it was kept."""
        if self.site is None or not self.site.may_speak:
            return False
        held = [ir for ir in self.site.irs() if ir.name == name and not ir.withdrawn]
        return self.say(tuple(withdrawn(ir) for ir in held), self.manifests.without(name))

    def hold(self, said: Verified[Hold]) -> bool:
        """An operator's hold, or the end of one; whether it was kept (R4)."""
        if self.site is None or not self.site.may_speak:
            return False
        if not may_hold(said.statement.signer, said.body, self.site.roster()):
            return False
        known = self.site.custody.kept.get(said.body.document)
        irs = {ir.intent: ir for ir in self.site.irs()}
        before = known.value if known is not None else None
        if against(said.body, before, self.name, self.site.roster(), irs) is not None:
            return False
        return self._keep([self._step(SiteSaid(node=NodeId(self.name), said=said))], self.manifests)

    def say(self, documents: Sequence[Any], manifests: Manifests) -> bool:
        """The manager's own words, with the manifests that they came from: all or nothing."""
        return self._keep([self._step(Authored(documents=tuple(documents)))], manifests)

    # --- what members say -----------------------------------------------------------------------------------------

    def send_up(self, node: str, payload: bytes) -> None:
        """From a node over its session."""
        self.world.overhear(payload)
        self._carry((node, self.name), lambda: self.receive(node, payload))

    def _carry(self, link: tuple[str, str], arrive: Callable[[], None]) -> None:
        network = self.world.network
        if link in network.blocked or not self.up or self.chance.happens(network.loses(link)):
            return

        def arrived() -> None:
            if link not in network.blocked and self.up:
                arrive()

        self.world.loop.after(self.chance.between(2_000, 60_000), arrived)

    def receive(self, node: str, payload: bytes) -> None:
        """Bytes from a member; they wait for their turn."""
        if not self.up:
            return
        if self.takes_ms == 0 and not self._waiting:
            self._take(node, payload)
            return
        self._waiting.put(node, payload)
        if len(self._waiting) == 1:
            self._serve_later()

    def _serve_later(self) -> None:
        life = self._life

        def serve() -> None:
            if self._life != life or not self._waiting:
                return
            self._take(*self._waiting.take())
            if self._waiting:  # else it has died of it, perhaps
                self._serve_later()

        self.world.loop.after(self.takes_ms * 1_000, serve)

    def _take(self, node: str, payload: bytes) -> None:
        world = self.world
        assert self.site is not None
        try:
            events = opened_events(NodeId(node), payload, world.site, self.site.roster(), world.verifier)
        except (Refused, msgspec.DecodeError) as refused:
            world.on_refused_up(payload, str(refused))
            return
        waited = not self.site.may_speak
        self._keep([self._step(event) for event in events], self.manifests)
        if waited and not self.is_home and self.may_speak:
            self._say_what_waited()

    def _say_what_waited(self) -> None:
        """What a guest's operators wanted before a member was heard (J4)."""
        assert self.site is not None
        words = self.office.words(self.site.held(), self.manifests)
        if words:
            self.say(words, self.manifests)

    # --- one act --------------------------------------------------------------------------------------------------

    def _step(self, event: ManagerEvent) -> Effects:
        self._inputs += 1
        now_us = self.world.loop.now_us
        given = Input(
            id=f"{self.name}-{self._inputs}",
            at_ms=1_000 + now_us // 1_000,
            wall_ms=self.wall_ms(),
            draw=self.chance.bits(),
            event=event,
        )
        return self.world.judged_manager_step(self, given)

    def _keep(self, steps: list[Effects], manifests: Manifests) -> bool:
        """Make durable what these steps decided, then do the rest of it; whether that came about."""
        assert self.site is not None
        taken = [self.world.book.read(text) for text in self.site.handed_in.taken()]
        if taken:
            manifests = replace(manifests, local={**manifests.local, **{i.metadata.name: i for i in taken}})
        changes = tuple(change for effects in steps for change in effects.persist)
        if self.refuses and changes:
            self.world.coverage.hit("fault.manager.commit_refused")
            self._reload()
            return False
        dies_after = self.die_after_commit if changes else None
        if dies_after is False:
            self.world.coverage.hit("fault.manager.crash_before_commit")
            self.kill()
            return False
        self._commit(changes, manifests)
        if dies_after:
            self.world.coverage.hit("fault.manager.crash_before_answer")
            self.kill()
            return True
        for effects in steps:
            for instruct in effects.instruct:
                self._tell(instruct)
            for note in effects.note:
                self.world.coverage.note(note)
        return True

    def _commit(self, changes: Sequence[Persist], manifests: Manifests) -> None:
        self.world.before_manager_persist(self, changes)
        for change in changes:
            if isinstance(change, Drop):
                del self.store[change.key]
                continue
            self.store[change.key] = change.value
            if change.key.startswith(INTENT_KEY):
                self._remember(change)
            elif change.key.startswith(ROSTER_KEY):
                roster = decode(decode(decode(change.value, Sealed).statement, Statement).body, Roster)
                if not hasattr(self, "roster") or roster.version >= self.roster.version:  # else it has found it (J4)
                    self.roster = roster
        self.manifests = manifests

    def _remember(self, change: Put) -> None:
        ir = decode(decode(decode(change.value, Sealed).statement, Statement).body, IntermediateRepresentation)
        self.irs[ir.intent] = ir
        self.world.irs.append(ir)
        if not ir.withdrawn:
            self.withdrawn_us.pop(ir.intent, None)
        else:
            self.withdrawn_us.setdefault(ir.intent, self.world.loop.now_us)

    def _tell(self, instruct: Instruct) -> None:
        self._said += 1
        statement = Statement(
            kind=kind_of(instruct.message),
            site=self.world.site,
            signer=self.name,
            life=self._life,
            number=self._said,
            body=encode(instruct.message),
        )
        payload = encode(seal(self.signer, statement))
        self.world.on_answer(self, instruct.node, instruct.message)
        self._carry((self.name, instruct.node), lambda: self._deliver(instruct.node, payload))

    def _deliver(self, node: str, payload: bytes) -> None:
        shell = self.world.machines[node].shell
        if shell is not None and shell.sessions.get(self.name):
            self.heard_us = self.heard_by_us[node] = self.world.loop.now_us
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
