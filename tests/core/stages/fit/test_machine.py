"""A node measures itself: each configuration that it could use, one at a time, again when it must (D8a, D9)."""

from __future__ import annotations

import msgspec
import pytest

from skerry.adapters.cel import CelExpressions
from skerry.core.kernel.effects import Put, TryConfiguration
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.capability.model import NodeFacts
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.fit.machine import RETRY_MS, Fitting, FittingView, has_kind
from skerry.core.stages.fit.model import FIT_AGE_MAX_MS
from skerry.core.stages.ir.model import Configuration
from tests.core.things import SHOP, STACK, A, configuration, element, ir, mib
from tests.support.conversation import Talk, anything, at, does, keeps, notes, publishes, sees, talk

STORE = f"{SHOP}/store"
OTHER = configuration("other")


def facts(**fields) -> NodeFacts:
    given = {"caps": mib(1_000), "programs": ("program",), "hardware": "hw", **fields}
    return NodeFacts(**given)


def node(*elements, kept: dict[str, bytes] | None = None, at_ms: int = 0, **fields) -> Talk:
    def follow(view, done):
        return view if not done.publish else replaced(view, done.publish[-1].value)

    view = FittingView(
        facts=facts(**fields),
        expression_facts={"node": {"cores": 2}},
        free=mib(900),
        irs={SHOP: ir(*elements)},
        report=None,
    )
    return talk(Fitting.recover(A, CelExpressions(), kept or {}, at_ms), view, at_ms=at_ms, follow=follow)


def replaced(view: FittingView, report) -> FittingView:
    return msgspec.structs.replace(view, report=report)


def finished(of: Configuration = STACK, ops: int = 200, **fields) -> TrialFinished:
    figures = {} if fields.get("failure") else {"ops": ops * 1_000}
    return TrialFinished(trial=InstanceId(f"trial/{of.digest}"), digest=of.digest, figures_milli=figures, **fields)


def tried(t: Talk) -> list[str]:
    return [a.configuration.name for a in t.said.act if isinstance(a, TryConfiguration)]


def limits(t: Talk) -> dict[str, str]:
    assert t.view.report is not None
    found: dict[str, str] = t.view.report.limitations.get(STORE, {})
    return found


def test_d9_configurations_are_measured_one_after_the_other_and_each_is_reported() -> None:
    t = node(element("store", STACK, OTHER))
    assert t >> sees() << publishes("fit/a") << does(TryConfiguration) << notes("fit.measuring", f"{STORE}/other")
    assert t >> at(10)
    assert t >> at(90, finished(OTHER)) << keeps("fit/") << publishes("fit/a") << does(TryConfiguration)
    assert t >> at(180, finished(STACK)) << keeps("fit/") << publishes("fit/a")
    assert {n: m.digest for n, m in t.view.report.measured[STORE].items()} == {
        "stack": STACK.digest,
        "other": OTHER.digest,
    }
    assert t.view.report.version == 3


def test_nothing_is_reported_twice() -> None:
    t = node(element())
    assert t >> sees() << anything >> at(90, finished()) << anything >> at(100) >> sees()


def test_d8a_a_configuration_whose_digest_changes_is_measured_again_and_no_other() -> None:
    t = node(element("store", STACK, OTHER))
    assert t >> sees() << anything >> at(50, finished(OTHER)) << anything >> at(99, finished(STACK)) << anything
    newer = configuration("other", "2")
    assert t >> sees(irs={SHOP: ir(element("store", STACK, newer))}) << anything
    assert tried(t) == ["other"]
    assert set(t.view.report.measured[STORE]) == {"stack"}
    assert t >> at(200, finished(newer)) << anything
    assert tried(t) == []


def test_d8a_other_hardware_makes_every_measurement_old() -> None:
    t = node(element())
    assert t >> sees() << anything >> at(50, finished()) << anything
    assert t >> sees(facts=facts(hardware="more")) << anything
    assert tried(t) == ["stack"]
    assert t.view.report.measured == {}


def test_d8a_a_fit_gets_old_after_a_day_and_a_failed_one_is_tried_again_sooner() -> None:
    t = node(element())
    assert t >> sees() << anything >> at(50, finished()) << anything
    assert t.machine.next_deadline_ms() == 50 + FIT_AGE_MAX_MS
    assert t >> at(50 + FIT_AGE_MAX_MS) << anything
    assert tried(t) == ["stack"]
    failing = node(element())
    assert failing >> sees() << anything >> at(50, finished(failure="it crashed")) << anything
    assert failing.machine.next_deadline_ms() == 50 + RETRY_MS
    assert failing >> at(50 + RETRY_MS) << does(TryConfiguration) << anything


def test_d8a_a_measurement_outlives_a_restart_and_serves_every_intent_that_names_it() -> None:
    t = node(element())
    assert t >> sees() << anything >> at(50, finished()) << anything
    kept = {p.key: p.value for p in t.said.persist if isinstance(p, Put)}
    after = node(element(), element("twin"), kept=kept, at_ms=7)
    assert after >> sees() << publishes("fit/a")
    assert set(after.view.report.measured) == {STORE, f"{SHOP}/twin"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (element("store", configuration(program="rm")), "the owner does not allow the program 'rm'"),
        (element("store", configuration(requires=("gpu",))), "the node has no 'gpu'"),
        (element(requires=("storage.nvme",)), "the node has no 'storage.nvme'"),
        (element(that="node.cores > 4"), "'node.cores > 4' does not hold here"),
        (element(that="node.wings > 4"), "expression `node.wings > 4`"),
        (element(resources=mib(2_000)), "memory: 2000Mi needed, 1000Mi free"),
    ],
    ids=lambda p: p[:20] if isinstance(p, str) else p.name + str(len(repr(p))),
)
def test_d9_what_cannot_run_here_is_a_limitation_and_is_not_tried(spec, why) -> None:
    t = node(spec, capabilities=("storage.sata",))
    assert t >> sees() << publishes("fit/a")
    assert limits(t)["stack"].startswith(why)


def test_an_answer_to_a_trial_that_nobody_asked_for_changes_nothing() -> None:
    t = node(element())
    assert t >> sees() << anything >> at(50, finished(OTHER))
    assert t.machine.trying == STACK.digest


def test_p5_only_what_was_measured_well_and_may_run_here_now_is_able() -> None:
    t = node(element("store", STACK, OTHER))
    assert t >> sees() << anything
    assert t >> at(50, finished(OTHER, failure="no")) << anything >> at(90, finished(STACK)) << anything
    assert t.machine.able(t.view) == {STACK.digest}
    assert t >> sees(facts=facts(programs=())) << anything
    assert t.machine.able(t.view) == frozenset()


def test_r4_a_drained_node_begins_no_test_run_and_goes_on_with_them_when_that_is_lifted() -> None:
    t = node(element("store", STACK, OTHER))
    assert t >> sees() << anything
    first = STACK if t.machine.trying == STACK.digest else OTHER
    assert t >> sees(drained=True) >> at(50, finished(first)) << anything
    assert t.machine.trying is None
    assert t >> sees(drained=False) << anything
    assert t.machine.trying is not None


def test_a_withdrawn_intent_is_not_measured() -> None:
    t = node(element())
    assert t >> sees(irs={SHOP: ir(element(), withdrawn=True)}) << publishes("fit/a")


def test_s4_a_more_special_kind_meets_a_general_requirement() -> None:
    assert has_kind("storage", ("storage.nvme",))
    assert not has_kind("storage.nvme", ("storage",))
    assert not has_kind("stor", ("storage",))
