"""D25: what a manager says counts for its own intents alone, and who yields where a site cannot hold everything is as
stated: what is not essential before what is, then a later manager before an earlier one, then the lower priority.

The second half is judged by each plan as its leader commits it, once nothing of it is being negotiated. Where an
essential role stays open because some node that could fill it lacks the room, nothing of a weaker claim is there that
would make it. A node of which the same plan takes or gives something is judged by the next one: why a role is open was
found out before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.kernel.effects import Effects, Persist, Put
from skerry.core.kernel.ids import IntentId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import does
from skerry.core.stages.ir.model import ElementSpec, IntermediateRepresentation, SetName, owns
from skerry.core.stages.negotiation.drafting import SETS
from skerry.core.stages.negotiation.model import NEGOTIATED, SITE, Assignment, Plan
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.committed import committed_plan

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

Claim = tuple[bool, int, int]
OpenSlot = tuple[IntentId, SetName, ElementSpec]
LACKS = tuple(f": {kind}: " for kind in ("cpu", "memory", "disk"))
"""How a reason for an open slot goes on, behind a node's name, where that lacks the room."""
ROOM = "makes room for"


class Owners(Checker):
    """Looks at what nodes keep, and at plans that are committed."""

    property_id = "D25"
    looks_at = ("effects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._before: dict[str, Plan] = {}
        """By its leader: the last plan that was committed."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Is it its owner's word?"""
        for change in changes:
            for kind in ("intent", "verdict"):
                if isinstance(change, Put) and change.key.startswith(f"{DOCUMENT_PREFIX}{kind}/"):
                    self._is_its_owners(machine, change, change.key.removeprefix(f"{DOCUMENT_PREFIX}{kind}/"))

    def _is_its_owners(self, machine: Machine, change: Put, about: str) -> None:
        statement = decode(decode(change.value, Sealed).statement, Statement)
        signer, home = statement.signer, self.world.options.manager
        if signer != home and signer in self.world.managers:
            self.premise()
        by_member = signer in self.world.machines and owns(home, about)
        if not by_member and not (signer in self.world.managers and owns(signer, about)):
            self.broken(f"{machine.name} takes the word of {signer} on {about}, which it does not own")

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Does anything stand that should have yielded?"""
        plan = committed_plan(shell, effects)
        if plan is not None:
            self._judge(shell, plan, _touched(self._before.get(shell.machine.name), plan))
            self._before[shell.machine.name] = plan

    def at_end(self) -> None:
        """Who was dismissed owns nothing here any more."""
        for name in self.world.core.nodes:
            shell = self.world.machines[name].shell
            if shell is None:
                continue
            managers = shell.agent.picture.roster().managers
            left = next((i for i in shell.agent.keeper.runs if not any(owns(m, i) for m in managers)), None)
            if left is not None:
                self.broken(f"{name} still has {left}, whose owner is no manager here any more")

    def _judge(self, shell: Shell, plan: Plan, touched: set[NodeId]) -> None:
        irs = shell.agent.picture.irs()
        if not _is_of(plan, irs):
            return
        slots = list(_open(plan, irs))
        for *_, why in slots:
            if ROOM in why:
                self.world.coverage.hit("state.room.made")
        if any(ROOM in why or NEGOTIATED in why for *_, why in slots):
            return
        for intent, name, spec, why in slots:
            lacking = [n for n in plan.members if any(f"{n}{lacks}" in why for lacks in LACKS)]
            for node in lacking if spec.essential else ():
                self.world.coverage.hit("state.room.lacking")
                slot = (intent, name, spec)
                if (
                    node not in touched
                    and self._could(shell, plan, node, slot)
                    and self._would_make_room(shell, plan, node, slot)
                ):
                    self.broken(
                        f"{intent}/{spec.name} stays open in {plan.id}, and what should yield on {node} does not"
                    )

    def _could(self, shell: Shell, plan: Plan, node: NodeId, slot: OpenSlot) -> bool:
        """Whether nothing but the room keeps a node from it. Where configurations conflict, nothing is judged."""
        intent, _, spec = slot
        fit, irs = shell.agent.picture.fits().get(node), shell.agent.picture.irs()
        there = [
            irs[other].sets[name].elements[given.element].configurations.values()
            for other, section in plan.sections.items()
            for name in SETS
            for given in section.of(name).values()
            if given.holder == node and other != SITE
        ]
        if fit is None or any(c.conflicts for c in (*spec.configurations.values(), *chain(*there))):
            return False
        element, lowered = f"{intent}/{spec.name}", "lower" in spec.remediation
        limits, measured = fit.limitations.get(element, {}), fit.measured.get(element, {})
        return any(
            name not in limits
            and (figure := measured.get(name)) is not None
            and (figure.digest, figure.failure) == (configuration.digest, None)
            and does(spec, figure, lowered=lowered)
            for name, configuration in spec.configurations.items()
        )

    def _would_make_room(self, shell: Shell, plan: Plan, node: NodeId, slot: OpenSlot) -> bool:
        """Whether there is room on a node for a role, once all that has a weaker claim is gone."""
        intent, name, spec = slot
        fit, irs = shell.agent.picture.fits().get(node), shell.agent.picture.irs()
        if fit is None:
            return False
        claim, weaker, free = self._claim(irs[intent], spec), False, fit.free
        for other, section in plan.sections.items():
            sums = dict.fromkeys(SETS, Resources())
            for set_name in SETS:
                for given in section.of(set_name).values() if other != SITE else ():
                    if given.holder != node:
                        continue
                    yields = self._yields(irs[other], set_name, given, claim)
                    weaker = weaker or (yields and (other != intent or set_name == name))
                    if not yields or (other == intent and set_name != name):
                        sums[set_name] = sums[set_name] + given.resources
            free = free - (sums[name] if other == intent else sums["connected"].larger(sums["isolated"]))
        return weaker and spec.resources.within(free)

    def _yields(self, ir: IntermediateRepresentation, name: SetName, given: Assignment, claim: Claim) -> bool:
        return self._claim(ir, ir.sets[name].elements[given.element]) > claim

    def _claim(self, ir: IntermediateRepresentation, spec: ElementSpec) -> Claim:
        return (not spec.essential, list(self.world.managers).index(ir.owner), -ir.priority)


def _touched(before: Plan | None, plan: Plan) -> set[NodeId]:
    """The nodes that hold something in one of two plans that they do not in the other."""
    old, new = (
        {
            (other, name, given.instance, given.holder)
            for other, section in (one.sections.items() if one is not None else ())
            for name in SETS
            for given in section.of(name).values()
        }
        for one in (before, plan)
    )
    return {holder for *_, holder in old ^ new}


def _is_of(plan: Plan, irs: dict[IntentId, IntermediateRepresentation]) -> bool:
    """Whether a plan gives out what is wanted now: what came in the step of its commit, the next one gives out."""
    sections = {intent: section for intent, section in plan.sections.items() if intent != SITE}
    return all(intent in irs and section.generation == irs[intent].generation for intent, section in sections.items())


def _open(
    plan: Plan, irs: dict[IntentId, IntermediateRepresentation]
) -> Iterator[tuple[IntentId, SetName, ElementSpec, str]]:
    for intent, section in plan.sections.items():
        for slot, why in section.unfilled.items() if intent in irs else ():
            instance, _, in_set = slot.partition(" ")
            name: SetName = "connected" if in_set == "(connected)" else "isolated"
            spec = irs[intent].sets[name].elements.get(instance.rsplit("/", 1)[1].split("#")[0])
            if spec is not None:
                yield intent, name, spec, why
