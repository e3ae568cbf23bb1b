"""U1 to U7 and U12: what users ask for, and the rules behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from skerry.core.actors import agent, report, views
from skerry.core.group.granting.model import Electorate
from skerry.core.group.membership import machine as membership
from skerry.core.group.membership.machine import Membership
from skerry.core.group.uplink.machine import Uplink
from skerry.core.kernel.effects import Effects, StopWorkload
from skerry.core.stages.intent import local
from skerry.core.stages.subscription.machine import Keeper
from skerry.sim.options import Options
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import cut_off, quiet, reconnecting, restarting


def powerless(options: Options) -> Options:
    """Machines and whole sites lose their power, with their uplink or without."""
    return replace(restarting(options), faults=("site.power", "machine.power", "uplink.cut"), fault_gap_max_ms=6_000)


def _waits_for_permission(patch: Patch) -> None:
    """A node starts nothing before the leader of the present term has committed something."""
    wanted = Keeper._wanted
    patch.setattr(Keeper, "_wanted", lambda self, view: wanted(self, view) if view.my_leaders else {})


def _restarts_on_isolation(patch: Patch) -> None:
    """What runs is started anew as soon as its site is cut off."""
    towards = Keeper._towards

    def restarting_once(self: Keeper, instance: Any, want: Any, given: Any, view: Any) -> Any:
        run = self.runs.get(instance)
        if run is not None and run.phase == "active" and view.modes.get(run.intent) == "isolated" and not run.reason:
            return self._stop(instance, run, "the link dropped")
        return towards(self, instance, want, given, view)

    patch.setattr(Keeper, "_towards", restarting_once)


def _silence_stops_work(patch: Patch) -> None:
    """What a plan leaves open for the moment is stopped, as what it leaves out."""
    goes_on = Keeper._goes_on
    patch.setattr(
        Keeper, "_goes_on", lambda self, name, run, view: not view.my_leaders and goes_on(self, name, run, view)
    )


def _the_dead_stay(patch: Patch) -> None:
    """Neither a token that is gone nor a beat that is old says anything."""
    token = Membership._token
    patch.setattr(membership, "FRESH_MS", 600_000)
    patch.setattr(
        Membership, "_token", lambda self, node, present: token(self, node, present=True) if present else None
    )


def _beats_get_old_too_soon(patch: Patch) -> None:
    """Whoever has not spoken for less than a beat's period is lost."""
    patch.setattr(membership, "FRESH_MS", 900)


def _a_start_begins_anew(patch: Patch) -> None:
    """A new agent ends what it finds, and starts it again as its plan says."""
    recover = Keeper.recover

    def afresh(cls: Any, me: Any, kept: Any, found: Any, *besides: Any) -> Any:
        keeper, effects = recover(me, kept, (), *besides)
        stops = tuple(StopWorkload(instance=process.instance, within_ms=1_000) for process in found)
        return keeper, effects + Effects(act=stops)

    patch.setattr(Keeper, "recover", classmethod(afresh))


def long_gone(options: Options) -> Options:
    """The way to the manager is gone for nearly all the time, and head office changes its mind meanwhile."""
    faults = ("uplink.cut", "manager.raises_limit")
    return replace(reconnecting(options), faults=faults, fault_lengths_ms=((60_000, 80_000),))


def on_its_own(options: Options) -> Options:
    """A site that was never connected, and operators who hand in what they want."""
    return replace(cut_off(options), faults=("operator.hands_in", "link.alone"), core_permille=1_000)


def widowed(options: Options) -> Options:
    """Two machines, of which one loses its power for good."""
    nodes = ("n1", "n2")
    return replace(
        restarting(options),
        nodes=nodes,
        drift_ppm=dict.fromkeys(nodes, 0),
        faults=("machine.power",),
        fault_gap_max_ms=60_000,
        fault_lengths_ms=((80_000, 90_000),),
        safety_ms=60_000,
        core_permille=1_000,
        runs_alone=False,
    )


def surrendering(options: Options) -> Options:
    """The same, where the catalogue gives exclusiveness up."""
    return replace(widowed(options), runs_alone=True)


def _half_is_a_quorum(patch: Patch) -> None:
    def half(self: Electorate, nodes: Any, without: Any = frozenset()) -> bool:
        counted = self.members - without
        return 2 * len(nodes & counted) >= len(counted)

    patch.setattr(Electorate, "is_quorum", half)


def _status_keeps_silent(patch: Patch) -> None:
    patch.setattr(report, "_given_up", lambda *of: [])


def _nobody_runs_alone(patch: Patch) -> None:
    patch.setattr(views, "_runs_alone", lambda picture: frozenset())


def _the_longer_the_cut_the_longer_the_wait(patch: Patch) -> None:
    """Whoever was not answered for long asks again after as long."""
    question = Uplink._question

    def patient(self: Uplink, manager: Any, at_ms: int, view: Any) -> Effects:
        line, pauses = self._lines[manager], vars(self).setdefault("pauses", {})
        silent_ms = at_ms - self._known_ms[manager]
        if silent_ms > 2 * view.settings.lost_after_ms and not line.session:
            pauses[manager] = at_ms + silent_ms
        if at_ms < pauses.get(manager, 0):
            return Effects()
        return question(self, manager, at_ms, view)

    patch.setattr(Uplink, "_question", patient)


def _anybody_may_hand_in(patch: Patch) -> None:
    def trusting(given: Any, roster: Any, irs: Any, **rest: Any) -> Effects:
        everybody = {n: msgspec.structs.replace(o, may=(*o.may, local.RIGHT)) for n, o in roster.operators.items()}
        return local.take(given, msgspec.structs.replace(roster, operators=everybody), irs, **rest)

    patch.setattr(agent, "take", trusting)


def _what_is_handed_in_waits_for_the_manager(patch: Patch) -> None:
    """Leaders plan what their manager knows."""
    survey = views._survey

    def known(picture: Any, *of: Any) -> Any:
        found = survey(picture, *of)
        return msgspec.structs.replace(found, irs={i: ir for i, ir in found.irs.items() if not ir.local})

    patch.setattr(views, "_survey", known)


SABOTAGES = (
    Sabotage(
        name="U1: work waits for permission",
        plant=_waits_for_permission,
        seeds_known=(39,),
        noticed_by=("U1",),
        shape=powerless,
    ),
    Sabotage(
        name="U2: the longer the cut, the longer the wait",
        plant=_the_longer_the_cut_the_longer_the_wait,
        noticed_by=("U2",),
        shape=long_gone,
    ),
    Sabotage(
        name="U4: what is handed in waits for the manager",
        plant=_what_is_handed_in_waits_for_the_manager,
        seeds_known=(1,),
        noticed_by=("U4",),
        shape=on_its_own,
    ),
    Sabotage(
        name="U4: anybody may hand in",
        plant=_anybody_may_hand_in,
        seeds_known=(1,),
        noticed_by=("U4",),
        shape=on_its_own,
    ),
    Sabotage(
        name="U3: work is restarted on isolation", plant=_restarts_on_isolation, noticed_by=("U3",), shape=cut_off
    ),
    Sabotage(
        name="U3, I7: work is stopped because somebody is silent",
        plant=_silence_stops_work,
        seeds_known=(1,),
        noticed_by=("U3",),
        shape=restarting,
    ),
    Sabotage(
        name="U5: half is a quorum", plant=_half_is_a_quorum, seeds_known=(26,), noticed_by=("U5",), shape=widowed
    ),
    Sabotage(
        name="U5: status keeps silent", plant=_status_keeps_silent, seeds_known=(1,), noticed_by=("U5",), shape=widowed
    ),
    Sabotage(
        name="U5: nobody runs alone",
        plant=_nobody_runs_alone,
        seeds_known=(32,),
        noticed_by=("U5",),
        shape=surrendering,
    ),
    Sabotage(name="U6: the dead stay", plant=_the_dead_stay, noticed_by=("U6",), shape=powerless),
    Sabotage(
        name="U7: beats get old too soon",
        plant=_beats_get_old_too_soon,
        seeds_known=(1,),
        noticed_by=("U7",),
        shape=quiet,
    ),
    Sabotage(name="U12: a start begins anew", plant=_a_start_begins_anew, noticed_by=("U12",), shape=restarting),
)
