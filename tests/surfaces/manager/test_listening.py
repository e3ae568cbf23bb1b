"""What a site says to its manager over a real uplink: kept before it is acknowledged, verified, judged, answered."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from skerry.adapters.keys.ed25519 import NodeSigner, load_key
from skerry.core.kernel.ids import IntentId, NodeId, PlanId, instance_id
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.capability.model import NodeFacts, Resources
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.intent.events import LocalIntent
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.negotiation.model import Assignment, Plan, Section
from skerry.core.stages.ratification.model import Verdict
from tests.support.command import Verbs
from tests.support.office import EXAMPLE, Member, RunningManager

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes

INTENT = (EXAMPLE / "intent.yaml").read_text()


def own_ir(member: Member) -> IntermediateRepresentation:
    return next(d for d in member.documents() if isinstance(d, IntermediateRepresentation))


def plan_of(member: Member, number: int, isolated: bool = True) -> Plan:
    ir = own_ir(member)
    section = Section(intent=ir.intent, generation=ir.generation)
    return Plan(
        id=PlanId(term=1, leader=member.name, number=number),
        members=(member.name,),
        sections={ir.intent: section},
        isolated_from=("hq",) if isolated else (),
    )


def verdicts(member: Member, items: tuple[Sealed, ...]) -> list[Verdict]:
    found: list[Verdict] = []
    for item in items:
        statement = decode(item.statement, Statement)
        if statement.kind == "verdict":
            found.append(decode(statement.body, Verdict))
    return found


def test_an_answer_brings_what_the_site_lacks_and_nothing_that_it_has(manager: RunningManager, tmp_path: Path) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "asks", tmp_path / "asks")
    everything = member.ask().versions
    assert {"site", "catalogue"} <= set(everything) and any(n.startswith("intent/") for n in everything)
    for _ in everything:  # what does not fit into an answer comes with the next
        if member.held == everything:
            break
        assert member.ask().items
    assert member.held == everything
    assert member.ask().items == ()


def test_what_was_acknowledged_is_there_after_the_manager_was_killed(manager: RunningManager, tmp_path: Path) -> None:
    member = Member(manager, "shop", "writes", tmp_path / "writes")
    entries = tuple(member.write("something", number=n) for n in range(40))
    fit = RoleFit(node=member.name, version=7, facts=NodeFacts(caps=Resources()), free=Resources(), measured={})
    heard = member.ask(*entries, member.say(fit))
    assert (heard.heads["writes/1"], heard.versions["fit/writes"]) == (40, (7,))
    manager.restart(signal.SIGKILL)
    again = member.ask()
    assert (again.heads["writes/1"], again.versions["fit/writes"]) == (40, (7,))


def test_a_manager_that_starts_again_has_nothing_new_to_say(manager: RunningManager, tmp_path: Path) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "patient", tmp_path / "patient")
    member.ask(member.write("plan.committed"))
    for _ in range(3):  # what does not fit into an answer comes with the next
        before = member.ask().versions
    manager.restart()
    assert [member.ask().versions for _ in range(2)][1] == before


def test_entries_with_a_gap_wait_for_what_is_missing(manager: RunningManager, tmp_path: Path) -> None:
    member = Member(manager, "shop", "gaps", tmp_path / "gaps")
    first, second, third = (member.write("something") for _ in range(3))
    assert member.ask(first, third).heads["gaps/1"] == 1
    assert member.ask(second, third).heads["gaps/1"] == 3


def test_a_temporary_plan_is_final_once_the_entry_that_committed_it_is_there(
    manager: RunningManager, tmp_path: Path
) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "decides", tmp_path / "decides")
    plan = plan_of(member, 1)
    assert verdicts(member, member.ask(member.say(plan)).items) == []
    committed = member.write("plan.committed", about=str(plan.id))
    (verdict,) = verdicts(member, member.ask(committed).items)
    section = next(iter(plan.sections.values()))
    assert (verdict.word, verdict.plan, verdict.digest) == ("final", plan.id, section.digest)
    assert verdict.temporary


def test_a_plan_whose_journal_was_changed_is_refused_and_shown(manager: RunningManager, tmp_path: Path) -> None:
    manager.apply(INTENT)
    member = Member(manager, "depot", "tampers", tmp_path / "tampers")
    manager.apply(INTENT.replace("type: shop", "type: depot").replace("shop-files", "depot-files"))
    member = Member(manager, "depot", "tampers-too", tmp_path / "too")
    plan = plan_of(member, 1)
    good = member.write("plan.committed", about=str(plan.id))
    at = good.statement.index(b"plan.committed")
    bad = msgspec.structs.replace(good, statement=good.statement[:at] + b"P" + good.statement[at + 1 :])
    (verdict,) = verdicts(member, member.ask(bad, member.say(plan)).items)
    assert verdict.word == "refused" and "does not verify" in verdict.reason
    shown = manager.admin.get("/v1/sites/depot")
    assert shown["distrusted"] and next(iter(shown["verdicts"].values()))["word"] == "refused"
    heard = member.ask(good)
    assert heard.heads["tampers-too/1"] == 1
    (verdict,) = verdicts(member, heard.items)
    assert verdict.word == "final"


def test_a_question_that_is_played_again_is_not_answered(manager: RunningManager, tmp_path: Path) -> None:
    member = Member(manager, "shop", "echo", tmp_path / "echo")
    first, second = member.question(1), member.question(2)
    assert [answer.number for answer in member.converse([first, first, second], until=2)] == [1, 2]


def handed_in(
    member: Member, manager: RunningManager, text: str, name: str, operator: str = "admin"
) -> tuple[Sealed, Sealed]:
    """A local intent as a member would have taken it: the document, and the entry with the operator's own word."""
    statement = Statement(
        kind="local_intent",
        site=member.site,
        signer=operator,
        life="-",
        number=1,
        body=encode(LocalIntent(manifests=text)),
    )
    word = seal(NodeSigner(load_key(manager.folder / "operators" / "admin" / "key.pem")), statement)
    local = msgspec.structs.replace(own_ir(member), intent=IntentId(f"hq/{name}"), name=name, generation=1, local=True)
    entry = member.write(
        "intent.local",
        about=f"hq/{name}",
        kind="operator",
        operator=operator,
        intent=f"hq/{name}",
        generation=1,
        statement=word.statement,
        signature=word.signature,
    )
    return member.say(local), entry


def state_of(manager: RunningManager, site: str, name: str) -> dict[str, Any] | None:
    rows = manager.admin.get("/v1/intents")["intents"]
    return next((r for r in rows if (r["site"], r["name"]) == (site, name)), None)


def test_an_intent_handed_in_at_the_site_becomes_the_managers_own(manager: RunningManager, tmp_path: Path) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "takes", tmp_path / "takes")
    text = INTENT.replace("shop-files", "handed-in")
    member.ask(*handed_in(member, manager, text, "handed-in"))
    row = state_of(manager, "shop", "handed-in")
    assert row is not None and (row["generation"], row["local"], row["withdrawn"]) == (2, False, False)
    assert state_of(manager, "depot", "handed-in") is None
    manager.restart()
    manager.apply(INTENT)
    row = state_of(manager, "shop", "handed-in")
    assert row is not None and (row["generation"], row["withdrawn"]) == (2, False)


def test_an_intent_that_a_member_made_up_is_withdrawn(manager: RunningManager, tmp_path: Path) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "invents", tmp_path / "invents")
    text = INTENT.replace("shop-files", "invented")
    document, entry = handed_in(member, manager, text, "invented", operator="nobody")
    member.ask(document, entry)
    row = state_of(manager, "shop", "invented")
    assert row is not None and (row["generation"], row["withdrawn"]) == (2, True)


def test_an_intent_of_which_both_sides_made_a_generation_is_settled_by_the_managers_next(
    manager: RunningManager, tmp_path: Path
) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "collides", tmp_path / "collides")
    text = INTENT.replace("shop-files", "contested")
    manager.apply(text)
    document, entry = handed_in(member, manager, text, "contested")
    member.ask(document, entry)
    row = state_of(manager, "shop", "contested")
    assert row is not None and (row["generation"], row["local"]) == (2, False)


def test_a_statement_of_somebody_who_is_not_in_the_roster_changes_nothing(
    manager: RunningManager, tmp_path: Path
) -> None:
    member = Member(manager, "shop", "honest", tmp_path / "honest")
    other = Member(manager, "depot", "elsewhere", tmp_path / "elsewhere")
    fit = RoleFit(node=NodeId("elsewhere"), version=1, facts=NodeFacts(caps=Resources()), free=Resources(), measured={})
    assert "fit/elsewhere" not in member.ask(other.say(fit)).versions


def test_plan_and_explanation_show_what_the_site_told_and_metrics_count_it(
    manager: RunningManager, tmp_path: Path
) -> None:
    manager.apply(INTENT)
    member = Member(manager, "shop", "shows", tmp_path / "shows")
    ir = own_ir(member)
    store = next(iter(ir.sets["connected"].elements.values()))
    instance = instance_id(ir.intent, store.name, 1)
    held = Assignment(instance=instance, element=store.name, holder=member.name, agreed="assignee")
    section = Section(intent=ir.intent, generation=ir.generation, connected={instance: held})
    plan = msgspec.structs.replace(plan_of(member, 99), sections={ir.intent: section})
    member.ask(member.say(plan))
    assert manager.admin.get("/v1/sites/shop/plan")["id"] == [1, "shows", 99]
    (row,) = manager.admin.get(f"/v1/explain?instance={quote(instance)}")["assignments"]
    assert (row["holder"], row["agreed"], row["set"]) == ("shows", "assignee", "connected")
    assert 'skerry_site_nodes{site="shop"}' in manager.text("/metrics")


def test_h3_what_a_lost_node_had_not_copied_is_shown_as_unknown_up_to_its_removal(
    manager: RunningManager, tmp_path: Path
) -> None:
    member, verbs = Member(manager, "shop", "drowned", tmp_path / "drowned"), Verbs(manager)
    instance, now_s = "hq/shop-files/intake#9", int(time.time())
    meter = {"activation": 1, "connected_s": 10, "connected_compliant_s": 10, "isolated_s": 0}
    served = {"seconds_ok": [[now_s - 100, now_s - 90]], "seconds_failed": []}
    member.ask(
        member.write("role.active", instance, age_s=100),
        member.write("instance.seconds", instance, kind="reading", age_s=90, **meter),
        member.write("client.seconds", "boat", kind="reading", age_s=90, instance=instance, use=served),
    )
    assert manager.delete("/v1/sites/shop/nodes/drowned")[0] == 200

    def accounts() -> list[tuple[int, int]]:
        rows = [*verbs.json("history")["history"], *verbs.json("use")["use"]]
        mine = [row for row in rows if instance in row.values() or "boat" in row.values()]
        return [(row["connected_s"], row["unknown_s"]) for row in mine]

    found = accounts()
    assert [known for known, _ in found] == [10, 10]
    assert all(90 <= unknown < 90 + int(time.time()) - now_s + 3 for _, unknown in found)
    manager.restart()
    assert accounts() == found, "it does not grow after that, and is not forgotten"
    assert all("unknown s" in verbs(verb).out for verb in ("history", "use"))
