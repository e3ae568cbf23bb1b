"""D25: several managers have intents at one site. Each is heard of its own, and of nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.core.actors import report
from skerry.core.conversation import Exchange, Refused, document_of, key_in
from skerry.core.group.uplink.wire import Answer
from skerry.core.kernel.ids import InstanceId, IntentId, ManagerId
from skerry.core.kernel.sealing import Sealed, Statement, Verified, body_digest
from skerry.core.kernel.values import decode, digest, encode
from skerry.core.stages.ir.model import CatalogueDocument, Guest, Roster, RosterEntry, SiteDocument
from skerry.core.stages.ratification.model import Verdict
from tests.core.things import ANYBODY, HQ, SHOP, A, element, instance, ir, mib, plan
from tests.scenarios.world import World

BRANCH = ManagerId("branch")
NOTES = IntentId("branch/notes")
SETTLED_MS, CUT_MS, BACK_MS = 9_000, 4_000, 8_000
OURS = ir(element("store"), isolated=(element("store"), element("cache")))
THEIRS = ir(element("store"), isolated=(element("store"), element("cache")), intent=NOTES)


def settled(*irs: Any) -> World:
    world = World("abc", *(irs or (OURS, THEIRS)), guests=(BRANCH,))
    world.start("a", "b", "c")
    world.run(SETTLED_MS)
    return world


def running(world: World) -> dict[InstanceId, int]:
    return {i: w.pid for node in world.nodes.values() for i, w in node.workloads.items()}


def agent(world: World, name: str = "a") -> Any:
    found = world.nodes[name].agent
    assert found is not None
    return found


def modes(world: World) -> dict[str, dict[str, str]]:
    return {n: {m: agent(world, n).uplink.mode(m) for m in (HQ, BRANCH)} for n in world.nodes}


# --- what each is told, and what is its business ----------------------------------------------------------------------


def test_d25_one_leader_plans_the_intents_of_all_managers() -> None:
    world = settled()
    found = agent(world).picture.plan()
    assert {*found.sections} == {"site", SHOP, NOTES} and found.isolated_from == ()
    assert set(running(world)) == {instance(), instance(intent=NOTES)}


@pytest.mark.parametrize(("cut", "switches", "stays"), [(BRANCH, NOTES, SHOP), (HQ, SHOP, NOTES)])
def test_m1_who_is_cut_off_from_one_manager_switches_only_its_intents(
    cut: ManagerId, switches: IntentId, stays: IntentId
) -> None:
    world = settled()
    before = running(world)
    world.part_from_manager(cut)
    world.run(CUT_MS)
    other = ({HQ, BRANCH} - {cut}).pop()
    assert modes(world) == {n: {cut: "isolated", other: "connected"} for n in "abc"}
    assert set(running(world)) - set(before) == {instance("cache", intent=switches)}
    assert not [i for i in running(world) if i == instance("cache", intent=stays)]
    assert {i: running(world)[i] for i in before} == before, "healthy work is not touched"
    world.heal()
    world.run(BACK_MS)
    assert running(world) == before
    assert modes(world) == {n: {cut: "connected", other: "connected"} for n in "abc"}


def test_d25_a_plan_made_without_one_manager_is_temporary_for_that_one_alone() -> None:
    world = settled()
    world.part_from_manager(BRANCH)
    world.run(CUT_MS)
    world.kill("c", machine=True)
    world.run(SETTLED_MS)
    assert agent(world).picture.plan().isolated_from == (BRANCH,)


def test_d25_each_manager_is_told_what_concerns_it() -> None:
    world = settled()
    home, guest = world.desks[HQ].told, world.desks[BRANCH].told
    assert {n for n in guest if n.startswith(("intent/", "fit/", "site", "plan"))} == {
        f"intent/{NOTES}",
        "site",
        "plan",
    }
    assert f"intent/{SHOP}" in home and f"intent/{NOTES}" not in home and "fit/a" in home
    assert {n for n in guest if n.startswith("roster/")} == {n for n in home if n.startswith("roster/")}


def test_d25_a_guest_that_never_is_there_keeps_nobody_from_anything() -> None:
    world = World("abc", OURS, THEIRS, guests=(BRANCH,))
    world.part_from_manager(BRANCH)
    world.start("a", "b", "c")
    world.run(SETTLED_MS)
    assert set(running(world)) == {instance(), *(instance(e, intent=NOTES) for e in ("store", "cache"))}


def test_d25_status_shows_every_manager_in_order_with_its_own_connection() -> None:
    world = settled()
    world.part_from_manager(BRANCH)
    world.run(CUT_MS)
    found = report.status(agent(world), world.now_ms)["managers"]
    assert [(m["manager"], m["home"], m["mode"]) for m in found] == [
        (HQ, True, "connected"),
        (BRANCH, False, "isolated"),
    ]


# --- who may say what -------------------------------------------------------------------------------------------------


def roster(*guests: Guest) -> Roster:
    return Roster(
        site="shop",
        version=1,
        predecessor="",
        manager=HQ,
        manager_key=b"hq",
        members={A: RosterEntry(node=A, public_key=b"a")},
        guests=guests,
    )


GUEST = Guest(name=BRANCH, public_key=b"branch")
DISMISSED = msgspec.structs.replace(GUEST, dismissed=True)
VERDICT = Verdict(
    intent=NOTES, generation=1, plan=plan().id, digest="", word="final", reason="", temporary=True, number=1, wall_ms=0
)
SETTINGS = SiteDocument(name="shop", generation=1, governance=ANYBODY)


def said(signer: str, body: Any) -> Verified[Any]:
    statement = Statement(kind="", site="shop", signer=signer, life="-", number=1, body=encode(body))
    return Verified(statement=statement, body=body, sealed=Sealed(statement=encode(statement), signature=b""))


FORGED = {
    "a guest's intent, by the home manager": (HQ, THEIRS),
    "the home manager's intent, by a guest": (BRANCH, OURS),
    "an intent of nobody who was admitted": ("other", ir(element(), intent=IntentId("other/notes"))),
    "an intent that names another owner": (BRANCH, msgspec.structs.replace(THEIRS, owner=HQ)),
    "an intent of the home manager in a guest's name": (HQ, msgspec.structs.replace(THEIRS, owner=HQ)),
    "a guest's intent, handed in at the site": (A, msgspec.structs.replace(THEIRS, local=True)),
    "a verdict on a guest's intent, by the home manager": (HQ, VERDICT),
    "a verdict by a member": (A, VERDICT),
    "a verdict on the home manager's intent, by a guest": (BRANCH, msgspec.structs.replace(VERDICT, intent=SHOP)),
    "a roster by a guest": (BRANCH, roster(GUEST)),
    "settings by a guest": (BRANCH, SETTINGS),
    "a catalogue by a guest": (BRANCH, CatalogueDocument(generation=1, manifests="")),
}


@pytest.mark.parametrize(("signer", "body"), FORGED.values(), ids=FORGED)
def test_d25_a_document_counts_only_from_its_owner(signer: str, body: Any) -> None:
    with pytest.raises(Refused, match="may not say"):
        document_of(said(signer, body), roster(GUEST))


@pytest.mark.parametrize("known", [GUEST, DISMISSED], ids=["admitted", "dismissed: what it signed is still read"])
@pytest.mark.parametrize("body", [THEIRS, VERDICT], ids=["its intent", "its verdict"])
def test_d25_a_guest_speaks_for_what_it_owns(known: Guest, body: Any) -> None:
    assert document_of(said(BRANCH, body), roster(known)).author == BRANCH
    assert key_in(roster(known), BRANCH) == b"branch"


def test_d25_a_manager_that_was_not_admitted_is_a_stranger() -> None:
    assert key_in(roster(), BRANCH) is None


def test_d25_only_managers_answer() -> None:
    world = settled()
    asked, refused = agent(world).uplink.reports(), agent(world).refused
    answer = world._sealed("b", world.nodes["b"].signer, Answer(number=1))
    world._from_manager(world.nodes["a"], HQ, answer)
    assert agent(world).refused == refused + 1 and set(agent(world).uplink.reports()) == set(asked)


# --- coming and going -------------------------------------------------------------------------------------------------


def test_d25_what_a_dismissed_guest_wanted_is_withdrawn_and_it_is_not_asked_any_more() -> None:
    world = settled()
    (guest,) = world.roster.guests
    world.renew_roster(guests=(msgspec.structs.replace(guest, dismissed=True),))
    world.run(SETTLED_MS)
    assert set(running(world)) == {instance()}
    assert not [n for n in world.nodes.values() if BRANCH in n.sessions]
    world.part_from_manager(BRANCH)
    world.run(SETTLED_MS)
    assert agent(world).picture.plan().isolated_from == ()


def test_x5_who_was_taken_out_hands_nothing_up_and_asks_no_sooner_for_being_told_of_it() -> None:
    """Nobody would take it, and it would never have done."""
    world = settled()
    members = world.roster.members
    world.renew_roster(members={n: e for n, e in members.items() if n != A}, former={A: members[A]})
    world.run(SETTLED_MS)
    out = agent(world, "a")
    assert A not in out.picture.roster().members
    numbers = [line.number for line in out.uplink._lines.values()]
    for _ in range(5):
        told = Answer(number=max(numbers), carried=encode(Exchange(items=(out.picture.held_roster().sealed,))))
        world._from_manager(world.nodes["a"], HQ, world._sealed(HQ, world.desks[HQ].signer, told))
    assert [line.number for line in out.uplink._lines.values()] == numbers
    assert decode(out.picture.question(HQ, with_items=True), Exchange).items == ()


class OlderRoster(msgspec.Struct, frozen=True, kw_only=True, tag="roster"):
    """As a version wrote it that knew of no guests."""

    site: str
    version: int
    predecessor: str
    manager: str
    manager_key: bytes
    members: dict[str, RosterEntry]


def test_n2_a_roster_of_an_older_version_reads_on_and_its_successor_names_what_was_signed() -> None:
    older = OlderRoster(site="shop", version=1, predecessor="", manager=HQ, manager_key=b"hq", members=roster().members)
    raw = encode(older)
    read = msgspec.msgpack.decode(raw, type=Roster)
    assert (read.guests, read.managers) == ((), (HQ,))
    statement = Statement(kind="roster", site="shop", signer=HQ, life="-", number=1, body=raw)
    assert body_digest(Sealed(statement=encode(statement), signature=b"")) == digest(older) != digest(read)


def test_u4_what_is_handed_in_at_the_site_is_the_home_managers() -> None:
    local = msgspec.structs.replace(OURS, local=True)
    assert document_of(said(A, local), roster(GUEST)).name == f"intent/{SHOP}"


def test_d25_a_person_is_told_how_strong_a_claim_is_and_why_it_is_open() -> None:
    wants_all = element("store", resources=mib(900), instances=3)
    world = settled(ir(wants_all), ir(wants_all, intent=NOTES))
    told = report.explain(agent(world), instance(intent=NOTES))
    assert told["claim"] == "essential, manager 2 of 2 (branch), priority 100"
    assert "memory: 900Mi needed" in str(told["open"])
    assert report.explain(agent(world), instance())["claim"] == "essential, manager 1 of 2 (hq), priority 100"
