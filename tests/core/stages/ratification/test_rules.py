"""The word on a section (R1, R2, D18): final, replaced by a newer generation, or refused with the reason."""

from __future__ import annotations

import msgspec

from skerry.core.stages.negotiation.model import Section
from skerry.core.stages.ratification.rules import judge
from tests.core.things import SHOP, A, B, C, assigned, configuration, element, ir, plan

MEMBERS = {A, B, C}


def section(**changes: object) -> Section:
    return msgspec.structs.replace(plan(assigned(A)).sections[SHOP], **changes)


def test_a_section_that_keeps_the_intents_terms_is_final() -> None:
    assert judge(section(), ir(element()), MEMBERS, {}) == ("final", "it keeps the intent's terms")


def test_a_section_of_an_older_generation_is_replaced() -> None:
    word, reason = judge(section(), ir(element(), generation=2), MEMBERS, {})
    assert word == "replaced" and "generation 2" in reason


def test_what_a_journal_that_does_not_verify_led_to_is_refused() -> None:
    word, reason = judge(section(), ir(element()), MEMBERS, {"b/1": "entry 7: the signature is not b's"})
    assert word == "refused" and "b/1: entry 7" in reason


def test_a_section_of_no_intent_is_refused() -> None:
    assert judge(section(), None, MEMBERS, {}) == ("refused", "this manager has no such intent")


def test_a_holder_who_is_not_in_the_roster_is_refused() -> None:
    word, reason = judge(section(), ir(element()), {B, C}, {})
    assert word == "refused" and "not in the roster" in reason


def test_a_configuration_that_the_intent_does_not_name_is_refused_in_either_set() -> None:
    strange = assigned(A, of=configuration(version="9"))
    for changed in (plan(strange), plan(isolated=(strange,))):
        word, _ = judge(changed.sections[SHOP], ir(element(), isolated=(element(),)), MEMBERS, {})
        assert word == "refused"


def test_a_role_that_the_set_does_not_have_is_refused_though_the_other_set_has_it() -> None:
    only_isolated = plan(assigned(A, "audit")).sections[SHOP]
    assert judge(only_isolated, ir(element(), isolated=(element("audit"),)), MEMBERS, {})[0] == "refused"
    only_connected = plan(isolated=(assigned(A, "audit"),)).sections[SHOP]
    assert judge(only_connected, ir(element("audit"), isolated=(element(),)), MEMBERS, {})[0] == "refused"


def test_of_a_plan_without_a_contingency_the_set_in_force_is_judged_by_its_own_terms() -> None:
    connected = section(only="connected")
    assert judge(connected, ir(element(), isolated=(element("audit"),)), MEMBERS, {})[0] == "final"
    isolated = msgspec.structs.replace(plan(isolated=(assigned(A),)).sections[SHOP], only="isolated")
    assert judge(isolated, ir(element("audit"), isolated=(element(),)), MEMBERS, {})[0] == "final"
