"""G, P, I4, I9, I10: what is agreed on, held for it, and run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from skerry.core.actors import views
from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import Custody
from skerry.core.group.voting.rules import Outcome, count
from skerry.core.kernel.effects import Effects
from skerry.core.stages.monitoring import machine as monitoring
from skerry.core.stages.negotiation import drafting, voter
from skerry.core.stages.negotiation import machine as negotiation
from skerry.core.stages.negotiation.voter import Voter
from skerry.core.stages.subscription.machine import Keeper
from skerry.sim.options import Options
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import crowded, cut_off, moving, overseen, quiet, reconnecting, spied_on


def _started_without_a_subscription(patch: Patch) -> None:
    keep = Keeper._keep

    def only_in_memory(self: Keeper, *of: Any) -> tuple[()]:
        keep(self, *of)
        return ()

    patch.setattr(Keeper, "_keep", only_in_memory)


def _the_ledger_says_yes(patch: Patch) -> None:
    patch.setattr(Voter, "_against", lambda self, *args: None)


def _only_connected_needs_count(patch: Patch) -> None:
    reserved = voter._reserved

    def half(me: Any, plan: Any, slots: Any) -> Any:
        sections = plan.sections.items() if plan is not None else ()
        less = {intent: section.with_sets(section.connected, {}) for intent, section in sections}
        plan = msgspec.structs.replace(plan, sections=less) if plan is not None else None
        return reserved(me, plan, {slot: given for slot, given in slots.items() if slot.set == "connected"})

    patch.setattr(voter, "_reserved", half)


def _the_holders_yes_is_enough(patch: Patch) -> None:
    def lax(clause: Any, **of: Any) -> Outcome:
        found = count(clause, **of)
        return Outcome.WON if found is Outcome.PENDING and of["assignee"] in of["yes"] else found

    patch.setattr(negotiation, "count", lax)


def _any_word_is_the_plans(patch: Patch) -> None:
    """R1: what was said on an earlier plan is taken for what is said on this one."""

    def lax(self: Picture) -> dict[Any, Any]:
        plan = self.plan()
        words = [kept.value for name, kept in self.custody.kept.items() if name.startswith("verdict/")]
        return {word.intent: word for word in words if plan is not None and word.intent in plan.sections}

    patch.setattr(Picture, "_verdicts_in_force", lax)


def _holds_never_end(patch: Patch) -> None:
    patch.setattr(Voter, "_forget", lambda self, at_ms, view: None)
    patch.setattr(Voter, "next_deadline_ms", lambda self: None)


def _committed_without_assent(patch: Patch) -> None:
    patch.setattr(negotiation, "count", lambda *args, **named: Outcome.WON)


def _withdrawals_are_overlooked(patch: Patch) -> None:
    irs = Picture.irs
    patch.setattr(
        Picture,
        "irs",
        lambda self: {i: msgspec.structs.replace(ir, withdrawn=False) for i, ir in irs(self).items()},
    )


def _plans_go_back(patch: Patch) -> None:
    """P1, C2: whatever plan comes is taken."""
    newer = Custody.newer
    patch.setattr(Custody, "newer", lambda self, name, version: name == "plan" or newer(self, name, version))


def _healthy_work_moves_on_reconnection(patch: Patch) -> None:
    """U3: whoever is connected again starts everything anew."""
    step = Keeper.step

    def eager(self: Keeper, given: Any, view: Any) -> Effects:
        known = vars(self).get("modes_before", {})
        vars(self)["modes_before"] = view.modes
        done = step(self, given, view)
        for instance, run in sorted(self.runs.items()):
            back = known.get(run.intent) == "isolated" and view.modes.get(run.intent) == "connected"
            if back and run.phase == "active":
                done = done + self._stop(instance, run, "the link is back")
        return done

    patch.setattr(Keeper, "step", eager)


def _isolated_set_waits_for_the_cut(patch: Patch) -> None:
    """M5: only what the present mode needs is voted."""
    survey = views._survey
    patch.setattr(
        views, "_survey", lambda picture, *of: msgspec.structs.replace(survey(picture, *of), only=picture.modes())
    )


def _any_part_decides(patch: Patch) -> None:
    clauses_of = views._clauses_of
    patch.setattr(
        views,
        "_clauses_of",
        lambda *of: tuple(msgspec.structs.replace(clause, at_least=1) for clause in clauses_of(*of)),
    )


def _nobody_has_an_office(patch: Patch) -> None:
    """L6: neither validator nor reporter is voted."""
    patch.setattr(drafting, "_keep_offices", lambda draft, plan: None)


def _the_leader_takes_all_offices(patch: Patch) -> None:
    for module in (drafting, negotiation):
        patch.setattr(module, "candidates_for", lambda draft, *of: [draft.survey.leader])


def _holders_measure_themselves(patch: Patch) -> None:
    patch.setattr(monitoring, "measurer", lambda holder, validators, reporters: holder)


def _each_set_keeps_its_own(patch: Patch) -> None:
    """U3: what the sets have once given to different nodes stays so."""
    patch.setattr(drafting, "_find_behind", lambda draft: None)


def written(options: Options) -> Options:
    """People ask for more yeses than the example's catalogue does."""
    return replace(options, written=True)


def undisturbed(options: Options) -> Options:
    """Nothing breaks for two minutes."""
    return replace(quiet(options), safety_ms=120_000)


def by_majority(options: Options) -> Options:
    """What a site decides while it is cut off, two have to decide; and single nodes are on their own."""
    faults = ("link.alone", "link.split", "uplink.cut")
    return replace(written(cut_off(options)), faults=faults, core_permille=1_000)


SABOTAGES = (
    Sabotage(
        name="I7, U3: healthy work is started anew on reconnection",
        plant=_healthy_work_moves_on_reconnection,
        noticed_by=("I7", "U3"),
        shape=reconnecting,
    ),
    Sabotage(
        name="U3: each set keeps its own holders",
        plant=_each_set_keeps_its_own,
        seeds_known=(60,),
        noticed_by=("I12",),
    ),
    Sabotage(name="I4: started without a subscription", plant=_started_without_a_subscription, noticed_by=("I4",)),
    Sabotage(
        name="P3: the ledger says yes",
        plant=_the_ledger_says_yes,
        seeds_known=(17,),
        noticed_by=("I3",),
        shape=crowded,
    ),
    Sabotage(
        name="P3: only what is needed while connected is reserved",
        plant=_only_connected_needs_count,
        noticed_by=("I3",),
        shape=crowded,
    ),
    Sabotage(name="P2: holds never end", plant=_holds_never_end, noticed_by=("I13",), shape=quiet),
    Sabotage(name="G1: committed without assent", plant=_committed_without_assent, noticed_by=("I1",)),
    Sabotage(
        name="G1: the holder's yes is enough", plant=_the_holders_yes_is_enough, noticed_by=("I1",), shape=written
    ),
    Sabotage(name="R1: any word is the plan's", plant=_any_word_is_the_plans, noticed_by=("R1",), shape=overseen),
    Sabotage(
        name="I9: withdrawals are overlooked",
        plant=_withdrawals_are_overlooked,
        seeds_known=(3,),
        noticed_by=("I9", "I12"),
        shape=moving,
    ),
    Sabotage(name="M5: the isolated set waits for the cut", plant=_isolated_set_waits_for_the_cut, noticed_by=("M5",)),
    Sabotage(name="L7: a part of any size decides", plant=_any_part_decides, noticed_by=("L7",), shape=by_majority),
    Sabotage(name="L6: nobody has an office", plant=_nobody_has_an_office, noticed_by=("D24",), shape=undisturbed),
    Sabotage(
        name="D24: the leader takes all offices",
        plant=_the_leader_takes_all_offices,
        noticed_by=("D24",),
        shape=undisturbed,
    ),
    Sabotage(name="D24: holders measure themselves", plant=_holders_measure_themselves, noticed_by=("D24",)),
    Sabotage(name="I10: plans go back", plant=_plans_go_back, noticed_by=("I10",), shape=spied_on),
)
