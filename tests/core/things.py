"""What the core's tests talk about: five nodes, and makers of intents, fits and plans that say only what matters."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.kernel.ids import ElementName, GrantKey, InstanceId, IntentId, ManagerId, NodeId, PlanId
from skerry.core.kernel.sealing import Sealed, Statement, Verified
from skerry.core.kernel.values import decode, digest
from skerry.core.stages.capability.model import NodeFacts, Resources
from skerry.core.stages.fit.model import Measured, RoleFit
from skerry.core.stages.ir.model import (
    AssentClause,
    Configuration,
    ElementSpec,
    Governance,
    IntermediateRepresentation,
    ManagementRow,
    Readiness,
    RoleSet,
    Standard,
)
from skerry.core.stages.negotiation.model import SITE, Assignment, Plan, Section, Slot
from skerry.core.stages.subscription.model import Instance, Phase

A, B, C, D, E = (NodeId(name) for name in "abcde")
HQ = ManagerId("hq")
SHOP = IntentId("hq/shop")
MIB = 1 << 20


def mib(memory: int) -> Resources:
    """An amount of memory."""
    return Resources(memory_bytes=memory * MIB)


def instance(element: str = "store", number: int = 1, intent: IntentId = SHOP) -> InstanceId:
    """The name of an instance."""
    return InstanceId(f"{intent}/{element}#{number}")


def configuration(name: str = "stack", version: str = "1", **fields: Any) -> Configuration:
    """A tested configuration; another version has another digest."""
    made = Configuration(
        name=name, start=(fields.pop("program", "program"), version), ready=Readiness(), probe=("probe",), **fields
    )
    return msgspec.structs.replace(made, digest=digest(made))


STACK = configuration()
OPS = Standard(metric="ops", at_least_milli=100_000, floor_milli=60_000)


def element(name: str = "store", *configurations: Configuration, key: str | None = None, **fields: Any) -> ElementSpec:
    """A role of one instance that asks for 100 operations a second; with a key it is exclusive."""
    given: dict[str, Any] = {"instances": 1, "instances_max": 9, "standards": (OPS,), **fields}
    return ElementSpec(
        name=ElementName(name),
        role=name,
        interface=f"{name}.v1",
        configurations={c.name: c for c in configurations or (STACK,)},
        key=GrantKey(key) if key is not None else None,
        on_split="run_once" if key is not None else "run_anywhere",
        **given,
    )


ANYBODY = Governance(name="anybody", management=(ManagementRow(roles={}),), assent=(AssentClause(),))


def ir(*elements: ElementSpec, isolated: tuple[ElementSpec, ...] = (), **fields: Any) -> IntermediateRepresentation:
    """An intent with these roles while connected, and those while isolated."""
    given: dict[str, Any] = {"intent": SHOP, "generation": 1, "governance": ANYBODY, **fields}
    return IntermediateRepresentation(
        name=str(given["intent"]).split("/")[1],
        owner=ManagerId(str(given["intent"]).split("/")[0]),
        functionality="files",
        offers_interface=given.pop("offers_interface", "files.v1"),
        offers_at=ElementName(given.pop("offers_at", "store")),
        sets={
            "connected": RoleSet(elements={e.name: e for e in elements}),
            "isolated": RoleSet(elements={e.name: e for e in isolated}),
        },
        **given,
    )


def measured(of: Configuration = STACK, ops: int = 200, **fields: Any) -> Measured:
    """So many operations a second were measured."""
    given: dict[str, Any] = {"hardware": "hw", "operations": 100, "seconds_milli": 1_000, "at_ms": 0, "wall_ms": 0}
    return Measured(
        configuration=of.name,
        digest=of.digest,
        figures_milli={} if fields.get("failure") else {"ops": ops * 1_000},
        **{**given, **fields},
    )


def fit(
    node: NodeId,
    found: dict[str, tuple[Measured, ...]] | None = None,
    *,
    memory: int = 1_000,
    intent: IntentId = SHOP,
    more: IntentId | None = None,
    version: int = 1,
    **facts: Any,
) -> RoleFit:
    """A node's report, by element; the same of another intent, too."""
    return RoleFit(
        node=node,
        version=version,
        facts=NodeFacts(caps=mib(memory), programs=("program",), hardware="hw", **facts),
        free=mib(memory),
        measured={
            f"{one}/{name}": {m.configuration: m for m in of}
            for one in (intent, more or intent)
            for name, of in (found or {}).items()
        },
    )


def assigned(
    holder: NodeId, name: str = "store", of: Configuration = STACK, *, number: int = 1, **fields: Any
) -> Assignment:
    """Who holds an instance, with what."""
    intent = fields.pop("intent", SHOP)
    return Assignment(
        instance=instance(name, number, intent),
        element=ElementName(name),
        holder=holder,
        configuration=of.name,
        digest=of.digest,
        **fields,
    )


def plan(
    *connected: Assignment,
    isolated: tuple[Assignment, ...] = (),
    term: int = 1,
    leader: NodeId = A,
    number: int = 1,
    intent: IntentId = SHOP,
    members: tuple[NodeId, ...] = (A, B, C),
    unfilled: dict[str, str] | None = None,
) -> Plan:
    """A plan with one section, beside the site's own."""
    section = Section(
        intent=intent,
        generation=1,
        connected={a.instance: a for a in connected},
        isolated={a.instance: a for a in isolated},
        unfilled=unfilled or {},
    )
    sections = {intent: section, SITE: Section(intent=SITE, generation=0)}
    return Plan(id=PlanId(term=term, leader=leader, number=number), members=members, sections=sections)


def slot(name: str = "store", number: int = 1, isolated: bool = False) -> Slot:
    """A place in a plan."""
    return Slot(set="isolated" if isolated else "connected", instance=instance(name, number))


def running(
    name: str = "store", phase: Phase = "active", of: Configuration = STACK, *, number: int = 1, **fields: Any
) -> Instance:
    """An instance as its holder's beats show it."""
    return Instance(
        instance=instance(name, number, fields.pop("intent", SHOP)),
        phase=phase,
        configuration=of.name,
        digest=of.digest,
        **fields,
    )


def reopened(sealed: Sealed, kind: type) -> Verified[Any]:
    """A statement as a peer gets it, its signature checked."""
    statement = decode(sealed.statement, Statement)
    return Verified(statement=statement, body=decode(statement.body, kind), sealed=sealed)
