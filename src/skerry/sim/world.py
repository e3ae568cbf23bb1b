"""A site, its manager and its referees, put together from one seed and run to a verdict.

First a safety phase: anything may break, and nothing may ever go wrong. Then a core is healed and the rest stays as
broken as it is, and the core has a stated time to settle (the liveness phase); it is over as soon as the core has been
settled for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import msgspec

from skerry.core.actors.manager import ManagerEvent
from skerry.core.conversation import LEAVE_PREFIX, Exchange, Heard, Refused, key_in, opened
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.journal.chain import ENTRY_PREFIX
from skerry.core.group.uplink.wire import Answer
from skerry.core.kernel.effects import Effects, Persist
from skerry.core.kernel.ids import InstanceId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster
from skerry.inputlog.state import state_of
from skerry.sim.adversary import Adversary
from skerry.sim.book import Book
from skerry.sim.chance import Chance
from skerry.sim.checkers.all import CHECKERS
from skerry.sim.checkers.checker import Checker
from skerry.sim.client import Client
from skerry.sim.coverage import Coverage, reason_name
from skerry.sim.faults.driver import FaultDriver
from skerry.sim.graphs import missing_links
from skerry.sim.guard import Workload
from skerry.sim.healed import Core, draw_core
from skerry.sim.keys import StandInSigner, StandInVerifier
from skerry.sim.loop import Loop
from skerry.sim.machine import Machine
from skerry.sim.manager import Manager
from skerry.sim.network import Network
from skerry.sim.options import Options
from skerry.sim.settled import NOT_ARRIVED, why_unsettled
from skerry.sim.shell import Shell
from skerry.sim.trace import Digest, Trace, manager_state
from skerry.sim.violation import Violation

TICK_US = 250_000
ADMIT_AGAIN_US = 500_000
SETTLED_FOR_US = 4_000_000
"""A site that has been settled for so long without a break stays so."""
LEFT_ALONE_US = 45_000_000
"""A healed core comes to rest within so long after what is around it has changed: a copy that has to go may wait 30 s
for who takes its place (P4)."""
MEMORY_MAX = 250
"""Of bytes that were opened: as many as are on their way at once."""

HOOKS = (
    "before_step",
    "after_step",
    "before_manager_step",
    "after_manager_step",
    "before_manager_persist",
    "on_answer",
    "before_persist",
    "on_send",
    "on_workload",
    "on_agent_end",
    "on_refused",
    "on_tick",
)


class World:
    """One seed's world."""

    def __init__(
        self,
        options: Options,
        book: Book,
        *,
        show: Callable[[str], None] | None = None,
        digest: bool = False,
    ) -> None:
        self.options = options
        self.book = book
        self.site, manager = options.site, options.manager
        self.chance = Chance(options.seed)
        self.loop = Loop()
        self.coverage = Coverage()
        self.trace = Trace((*options.nodes, manager, *options.guests), show)
        self.digest = Digest() if digest else None
        self.healed_us: int | None = None
        self.slept_us = 0
        self.core = Core(nodes=options.nodes, uplinks=options.nodes, managers=(manager, *options.guests), whole=True)
        """What is healed in the end."""
        self._pids = 1_000
        self._keys: dict[InstanceId, str | None] = {}
        self._figures: dict[str, dict[str, tuple[bool, int]]] = {}
        self._memory: dict[tuple[bytes, int], list[Heard] | str] = {}
        self.doubled: dict[bytes, str] = {}
        """Signatures of entries that were written beside another of their number, with the same key; of each the chain
        (J1)."""
        self.due: dict[str, bytes] = {}
        """Every journal entry that a disk of the core held when it was healed, by its key; the core's manager is to get
        them."""
        self.irs: list[IntermediateRepresentation] = []
        """Every generation that was ever kept at head office or handed in at the site."""
        self.declared_dead: dict[str, int] = {}
        """Whom an operator who may has ever declared dead (X8), and at which boot it was off; -1: it was on."""
        signers = {name: StandInSigner(name, options.seed) for name in (*options.nodes, manager, *options.guests)}
        self.machines = {name: Machine(self, name, signers[name]) for name in options.nodes}
        self.manager = Manager(self, manager, signers[manager])
        """The home manager."""
        self.managers = {
            manager: self.manager,
            **{name: Manager(self, name, signers[name]) for name in options.guests},
        }
        """All of them, by name and in order of precedence."""
        self.verifier = StandInVerifier([*signers.values(), *self.manager.office.signers.values()])
        self.network = Network(self)
        self.adversary = Adversary(self)
        self.client = Client(self)
        self.faults = FaultDriver(self)
        self.checkers = [kind(self) for kind in CHECKERS]
        for guest in options.guests:
            for kind in CHECKERS:
                if kind.of_each_manager:
                    self.checkers.append(kind(self))
                    self.checkers[-1].manager = self.managers[guest]
        self._hooks: dict[str, list[Checker]] = {
            hook: [c for c in self.checkers if getattr(type(c), hook) is not getattr(Checker, hook)] for hook in HOOKS
        }
        self._asked_after: dict[tuple[str, ...], list[Checker]] = {}
        """To what a step moved the checkers that are asked after it."""
        self.manager.found_site()
        for machine in self.machines.values():
            machine.disk.update(self.manager.join_disk())
        for guest in options.guests:
            if not self.is_late(guest):
                self.managers[guest].visit()
        if options.absent:
            self.manager.kill()

    # --- a run ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """To the end. Raises `Violation`."""
        self.open()
        if self.options.faults:
            self.faults.begin()
        if self.options.adversary:
            self.adversary.begin()
        while self.loop.now_us < self.options.safety_ms * 1_000 + self.slept_us:
            self.loop.run(self.options.safety_ms * 1_000 + self.slept_us)
        in_force = self.manager.roster.managers
        managers = () if self.options.absent else tuple(name for name in self.managers if name in in_force)
        core = self.chance.child("core")
        self.heal(draw_core(self.members(), self.leaving(), managers, self.options.core_permille, core))
        self._settle()
        for checker in self.checkers:
            checker.at_end()

    def open(self) -> None:
        """Switch everything on; the rest happens by itself."""
        self._boot()
        self._tick()
        self.client.begin()
        if self.options.guests and self.options.late_ms:
            self.loop.after(self.options.late_ms * 1_000, self._admit)

    def is_late(self, guest: str) -> bool:
        """Whether a guest is admitted later on only."""
        return bool(self.options.late_ms) and guest == self.options.guests[-1]

    def _admit(self) -> None:
        """The last guest belongs to the site from now on; as soon as somebody is there who can say so, and has."""
        home, guest = self.manager, self.options.guests[-1]
        if self.healed_us is not None:
            return
        if home.may_speak and guest not in home.roster.managers:
            home.admit(guest)
        if not home.may_speak or guest not in home.roster.managers:
            self.loop.after(ADMIT_AGAIN_US, self._admit)
            return
        self.coverage.hit("state.guest.late")
        self.managers[guest].visit()

    def sleep(self, span_us: int) -> None:
        """Let time go by in which nothing happens, beside what the phases have."""
        self.slept_us += span_us
        self.loop.pass_over(span_us)

    def heal(self, core: Core) -> None:
        """From now on nothing of the core is broken."""
        self.healed_us, self.core = self.loop.now_us, core
        self.trace.world(self.loop.now_us, f"healed: {core}")
        self.coverage.hit(f"state.core.{'whole' if core.whole else 'reaching' if core.uplinks else 'cut_off'}")
        self.adversary.end()
        self.faults.stay(core)
        for name in core.nodes if core.uplinks else ():
            disk = self.machines[name].disk
            self.due.update((key, raw) for key, raw in disk.items() if key.startswith(ENTRY_PREFIX))
        for checker in self.checkers:
            checker.on_healed()

    def _boot(self) -> None:
        graph = missing_links(self.options.graph, self.options.nodes, self.chance.child("graph"))
        self.network.cut(graph)
        self.coverage.hit(f"state.graph.{self.options.graph if graph else 'mesh'}")
        if self.options.runs_alone:
            self.coverage.hit("state.runs_alone")
        self.coverage.hit(f"state.managers.{0 if self.options.absent else len(self.managers)}")
        if self.options.cold:
            self.network.cut(self.network.uplinks(list(self.machines)))
            self.coverage.hit("state.cold_start")
        for machine in self.machines.values():
            self.loop.after(self.chance.between(0, 1_500) * 1_000, machine.power_on)

    def _settle(self) -> None:
        """Go on until the core has come to rest. Where whom its nodes hear comes and goes all the time, as with one
        frame in ten lost, or somebody outside whom they hear takes the lead and gives it up again, there is nothing to
        be judged: work follows, and each move takes its time (P4)."""
        until_us = self.loop.now_us + self.options.liveness_ms * 1_000
        settled_since_us: int | None = None
        why, around, since_us, left_alone_us = "not looked at", self._around(), self.loop.now_us, 0
        while self.loop.now_us < until_us:
            self.loop.run(self.loop.now_us + TICK_US)
            if around != (around := self._around()):
                since_us = self.loop.now_us
            left_alone_us = max(left_alone_us, self.loop.now_us - since_us)
            found = why_unsettled(self)
            if found is not None:
                settled_since_us, why = None, found
            elif settled_since_us is None:
                settled_since_us = self.loop.now_us
            elif self.loop.now_us - settled_since_us >= SETTLED_FOR_US:
                return
        if left_alone_us < LEFT_ALONE_US:
            return
        property_id = "I5" if why.startswith(NOT_ARRIVED) else "I12"
        raise Violation(property_id, f"not settled {self.options.liveness_ms // 1000} s after healing: {why}")

    def _around(self) -> tuple[dict[str, frozenset[NodeId]], dict[str, int]]:
        """Whom each node of the core, and whoever leads one, hears and is heard by; and of those outside it that any of
        these hears, and that lead themselves, the terms."""
        core = {name: self.machines[name].shell for name in self.core.nodes}
        followed = {shell.agent.election.leadership.leader for shell in core.values() if shell is not None}
        leading = {str(name): self.machines[name].shell for name in followed if name is not None}
        shells = {**core, **leading}
        contacts = {n: frozenset(shell.agent.membership.contacts) for n, shell in shells.items() if shell is not None}
        outside = {str(node) for heard in contacts.values() for node in heard} - set(core)
        leaders = {n: shell.agent.election.leadership for n in outside if (shell := self.machines[n].shell) is not None}
        return contacts, {n: leads.term for n, leads in leaders.items() if leads.leader == n}

    def _tick(self) -> None:
        for checker in self._hooks["on_tick"]:
            checker.on_tick()
        self.loop.after(TICK_US, self._tick)

    # --- what shells and guards report ----------------------------------------------------------------------------

    def judged_step(self, shell: Shell, given: Input[Any]) -> Effects:
        """Step an agent under the eyes of all checkers."""
        for checker in self._hooks["before_step"]:
            checker.before_step(shell, given)
        try:
            effects = shell.agent.step(given)
            shell.agent.check_invariants()
        except Exception as error:  # whatever an agent dies of is found in its seed, with its last transitions
            raise Violation(*_named(shell.machine.name, error)) from error
        self.trace.step(self.loop.now_us, shell.machine.name, given, effects)
        if self.digest is not None:
            state = state_of({**shell.agent.machines, "custody": shell.agent.picture.custody})
            self.digest.step(shell.machine.name, given, effects, state)
        for checker in self._to_ask_after((*shell.agent.moved, *(() if effects.empty else ("effects",)))):
            checker.after_step(shell, given, effects)
        return effects

    def _to_ask_after(self, moved: tuple[str, ...]) -> list[Checker]:
        found = self._asked_after.get(moved)
        if found is None:
            hooked = self._hooks["after_step"]
            found = [c for c in hooked if not c.looks_at or not set(c.looks_at).isdisjoint(moved)]
            self._asked_after[moved] = found
        return found

    def judged_manager_step(self, manager: Manager, given: Input[ManagerEvent]) -> Effects:
        """Step the manager, likewise."""
        assert manager.site is not None
        for checker in self._watching("before_manager_step", manager):
            checker.before_manager_step(given)
        try:
            effects = manager.site.step(given)
            manager.site.check_invariants()
        except Exception as error:
            raise Violation(*_named(manager.name, error)) from error
        self.trace.step(self.loop.now_us, manager.name, given, effects)
        if self.digest is not None:
            self.digest.step(manager.name, given, effects, manager_state(manager.site))
        for checker in self._watching("after_manager_step", manager):
            checker.after_manager_step(given, effects)
        return effects

    def before_manager_persist(self, manager: Manager, changes: Sequence[Persist]) -> None:
        """A manager's store is about to take these changes."""
        for checker in self._watching("before_manager_persist", manager):
            checker.before_manager_persist(changes)

    def on_manager_put_back(self, manager: Manager) -> None:
        """A manager's store is an older one."""
        for checker in self.checkers:
            if checker.manager is manager:
                checker.on_manager_put_back()

    def _watching(self, hook: str, manager: Manager) -> list[Checker]:
        return [checker for checker in self._hooks[hook] if checker.manager is manager]

    def review_sessions(self) -> None:
        """Something has changed about who reaches which manager."""
        for manager in self.managers.values():
            manager.review_sessions()

    def on_disk_put_back(self, machine: Machine) -> None:
        """A machine's disk is an older one."""
        for checker in self.checkers:
            checker.on_disk_put_back(machine)

    def on_answer(self, manager: Manager, node: NodeId, message: Any) -> None:
        """An answer is about to leave a manager."""
        if not isinstance(message, Answer) or not message.carried:
            return
        carried = decode(message.carried, Exchange)
        for checker in self._watching("on_answer", manager):
            checker.on_answer(node, carried)

    def on_refused_up(self, payload: bytes, why: str) -> None:
        """The manager's shell refused what a member, or somebody in its name, said."""
        self.coverage.hit(f"{_reason(why)}.at_manager")

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Changes are about to become durable."""
        for checker in self._hooks["before_persist"]:
            checker.before_persist(machine, changes)

    def on_send(self, machine: Machine, to: NodeId | None, message: Any) -> None:
        """A message is about to leave."""
        for checker in self._hooks["on_send"]:
            checker.on_send(machine, to, message)

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """A process came or went."""
        self.trace.world(self.loop.now_us, f"{machine.name}: {workload.instance} (pid {workload.pid}) {what}")
        for checker in self._hooks["on_workload"]:
            checker.on_workload(machine, workload, what)

    def on_agent_end(self, machine: Machine) -> None:
        """An agent's process ended."""
        for checker in self._hooks["on_agent_end"]:
            checker.on_agent_end(machine)

    def violated(self, property_id: str, what: str) -> NoReturn:
        """Something that no checker watches for is wrong."""
        raise Violation(property_id, what)

    # --- what the world knows -------------------------------------------------------------------------------------

    def opened(self, payload: bytes, roster: Roster, machine: Machine) -> list[Heard]:
        """As a shell opens what it received; equal bytes are opened once, for all that receive them."""
        opened_as = (payload, roster.version)
        known = self._memory.get(opened_as)
        if known is None:
            known = self._open(payload, roster)
            if len(self._memory) >= MEMORY_MAX:
                self._memory.clear()
            self._memory[opened_as] = known
        if isinstance(known, str):
            self.coverage.hit(known)
            for checker in self._hooks["on_refused"]:
                checker.on_refused(machine, payload, known)
            return []
        return known

    def _open(self, payload: bytes, roster: Roster) -> list[Heard] | str:
        try:
            sealed = decode(payload, Sealed)
        except msgspec.DecodeError:
            return "refused.no_envelope"
        try:
            said = opened(sealed, self.site, lambda signer: key_in(roster, signer), self.verifier)
        except Refused as refused:
            return _reason(str(refused))
        return [Heard(said=one) for one in said]

    def overhear(self, payload: bytes) -> None:
        """The adversary hears everything."""
        self.adversary.overhear(payload)

    def figures(self, digest: str, speed_permille: int) -> dict[str, int]:
        """What a probe of a configuration prints on a machine of this speed. A machine of 1,000 just meets the
        example's own limits, whatever is asked for later."""
        if digest not in self._figures:
            self._figures[digest] = self._standards_of(digest)
        return {
            metric: bound * speed_permille // 1000 if at_least else bound * 1000 // max(speed_permille, 1)
            for metric, (at_least, bound) in self._figures[digest].items()
        }

    def _standards_of(self, digest: str) -> dict[str, tuple[bool, int]]:
        for ir in self.irs:
            for roles in ir.sets.values():
                for spec in roles.elements.values():
                    if any(c.digest == digest for c in spec.configurations.values()):
                        return {
                            s.metric: (True, s.at_least_milli)
                            if s.at_least_milli is not None
                            else (False, s.at_most_milli or 0)
                            for s in spec.standards
                        }
        return {}

    def key_of(self, instance: InstanceId) -> str | None:
        """The exclusive key of an instance, by what the manager wrote; None if it may run anywhere."""
        if instance not in self._keys:
            intent, element = instance.rsplit("/", 1)
            name = element.split("#")[0]
            specs = [
                r.elements[name]
                for ir in self.irs
                if ir.intent == intent
                for r in ir.sets.values()
                if name in r.elements
            ]
            self._keys[instance] = next((spec.key for spec in specs if spec.key is not None), None)
        return self._keys[instance]

    def somebody_lives_who_was_declared_dead(self) -> bool:
        """Whether one of them was not off, or has been back since."""
        return any(self.machines[name].boots != boots for name, boots in self.declared_dead.items())

    def members(self) -> tuple[str, ...]:
        """Who belongs to the site, by the newest roster that head office ever kept."""
        return tuple(name for name in self.machines if name in self.manager.roster.members)

    def leaving(self) -> frozenset[str]:
        """Who of the members has said that it leaves, by any disk, whether its agent runs or not."""
        disks = [machine.disk for machine in self.machines.values()]
        return frozenset(
            n for n in self.members() if any(f"{DOCUMENT_PREFIX}{LEAVE_PREFIX}{n}" in disk for disk in disks)
        )

    def new_machine(self) -> Machine:
        """One that was not there before; switched off, and with nothing on its disk."""
        name = f"n{len(self.machines) + 1}"
        signer = StandInSigner(name, self.options.seed)
        self.verifier.learn(signer)
        self.trace.add(name)
        machine = self.machines[name] = Machine(self, name, signer)
        return machine

    def any_manager(self, chance: Chance) -> Manager:
        """One of them."""
        managers = list(self.managers.values())
        return managers[0] if len(managers) == 1 else chance.pick(managers)

    def next_pid(self) -> int:
        """Of a new process anywhere."""
        self._pids += 1
        return self._pids


def _reason(text: str) -> str:
    return reason_name(text) or "refused.other"


def _named(who: str, error: Exception) -> tuple[str, str]:
    """The property that a machine's own assertion names; all else of which somebody dies stands under the settling of
    sites."""
    text = str(error)
    if not isinstance(error, AssertionError):
        return "I12", f"{who} dies of {type(error).__name__}: {text}"
    head = text.split(":")[0]
    return (head, text) if head in ("I1", "I3", "I4", "I10", "I13") else ("I12", text or "an assertion without a word")
