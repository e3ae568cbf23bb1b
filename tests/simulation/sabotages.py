"""Planted bugs: each takes one rule out of the core at run time, and names the properties that have to notice.

A checker that no sabotage trips has shown nothing. Each sabotage may narrow the worlds down to those in which its rule
matters: a rule about clocks needs clocks that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from skerry.core import conversation
from skerry.core.actors import manager
from skerry.core.actors.manager import ManagerSite
from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import Custody
from skerry.core.group.election.machine import Election
from skerry.core.group.granting import machine as granting
from skerry.core.group.granting.machine import Granting
from skerry.core.group.granting.model import Electorate
from skerry.core.group.journal.machine import Journal
from skerry.core.group.membership.machine import Membership, _Peer
from skerry.core.group.uplink.machine import Uplink
from skerry.core.group.voting.rules import Outcome
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.once import Once
from skerry.core.kernel.sealing import Verifier
from skerry.core.stages.history import rules as history
from skerry.core.stages.monitoring.machine import Monitoring
from skerry.core.stages.negotiation import machine as negotiation
from skerry.core.stages.negotiation.voter import Voter
from skerry.core.stages.subscription.machine import Keeper
from skerry.sim.clocks import DRIFT_PPM_MAX
from skerry.sim.guard import Guard
from skerry.sim.keys import StandInVerifier
from skerry.sim.options import LENGTHS_MS, Options

Patch = pytest.MonkeyPatch
Shape = Callable[[Options], Options]


def as_drawn(options: Options) -> Options:
    return options


def apart(options: Options) -> Options:
    """Holders stand still for longer than their lease, programs die late, and one clock is as slow as it may be while
    the others are as fast: a margin that is missing shows as a fifth of a second, about as long as a candidate takes to
    ask again."""
    nodes = ("n1", "n2", "n3")
    return replace(
        options,
        nodes=nodes,
        tie_breaker=None,
        drift_ppm={"n1": -DRIFT_PPM_MAX, "n2": DRIFT_PPM_MAX, "n3": DRIFT_PPM_MAX},
        lease_ms=20_000,
        stubborn_permille=1_000,
        loss_permille=0,
        spike_permille=0,
        delay_max_ms=3,
        faults=("agent.stop",),
        fault_gap_max_ms=40_000,
        fault_lengths_ms=((21_000, 30_000),),
        safety_ms=240_000,
        cold=False,
        adversary=False,
    )


def restarting(options: Options) -> Options:
    """Agents restart while others are cut off."""
    faults = ("link.alone", "link.split", "agent.crash", "site.agents")
    return replace(
        apart(options),
        lease_ms=3_000,
        faults=faults,
        fault_gap_max_ms=1_500,
        fault_lengths_ms=LENGTHS_MS,
        safety_ms=120_000,
    )


def forgetting(options: Options) -> Options:
    """The same, with leases that are long enough to be forgotten."""
    return replace(restarting(options), lease_ms=8_000, fault_gap_max_ms=4_000)


def halves(options: Options) -> Options:
    """Sites that fall apart, each with a tie-breaker."""
    nodes = ("n1", "n2", "n3", "n4", "n5")
    drift = dict.fromkeys(nodes, 0)
    faults = ("link.split", "link.alone")
    return replace(restarting(options), nodes=nodes, tie_breaker="n1", drift_ppm=drift, faults=faults)


def moving(options: Options) -> Options:
    """Plans that change while everybody is there."""
    nodes = ("n1", "n2", "n3")
    faults = ("manager.withdraws", "manager.adds_intent", "manager.raises_limit", "workload.slow", "owner.takes_memory")
    return replace(restarting(options), nodes=nodes, faults=(*faults, "link.alone"), safety_ms=60_000)


def spied_on(options: Options) -> Options:
    return replace(options, adversary=True)


def haunted(options: Options) -> Options:
    """Agents restart, and somebody repeats what they said in earlier lives."""
    return replace(
        restarting(options), adversary=True, faults=("agent.crash",), fault_gap_max_ms=9_000, safety_ms=60_000
    )


def crowded(options: Options) -> Options:
    """Owners that take memory after the fit was reported."""
    faults = ("owner.takes_memory", "manager.withdraws", "manager.adds_intent", "link.split", "machine.power")
    return replace(
        options, nodes=("n1", "n2"), drift_ppm={"n1": 0, "n2": 0}, tie_breaker="n1", faults=faults, safety_ms=60_000
    )


def quiet(options: Options) -> Options:
    return replace(options, faults=(), adversary=False, cold=False, safety_ms=40_000)


def cut_off(options: Options) -> Options:
    return replace(options, faults=("uplink.cut", "link.split"), cold=True)


def overseen(options: Options) -> Options:
    """Much goes on between the site and its manager, which dies and comes back; somebody changes what is handed on."""
    faults = ("uplink.cut", "uplink.flap", "manager.restarts", "manager.crashes", "manager.raises_limit")
    return replace(options, faults=faults, adversary=True, fault_gap_max_ms=4_000)


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """One rule less."""

    name: str
    plant: Callable[[Patch], None]
    noticed_by: tuple[str, ...]
    shape: Shape = as_drawn
    seeds_known: tuple[int, ...] = ()
    """Worlds in which it was noticed before; tried first."""
    budget: int = 60
    """Worlds within which it has to be noticed."""


def _no_drift_margin(patch: Patch) -> None:
    patch.setattr(granting, "promise_ms", lambda lease_ms: lease_ms)


def _lease_from_the_answer(patch: Patch) -> None:
    """The holder counts from the answer, a quarter of a second and more after its request left."""
    count = Granting._count

    def late(self: Granting, key: Any, wish: Any, given: Any, view: Any) -> Effects:
        if wish.asked_ms is not None:
            wish.asked_ms += 250
        done = count(self, key, wish, given, view)
        if wish.asked_ms is not None:
            wish.asked_ms -= 250
        return done

    patch.setattr(Granting, "_count", late)


def _tie_breaker_outvotes(patch: Patch) -> None:
    fair = Electorate.is_quorum
    patch.setattr(Electorate, "is_quorum", lambda self, nodes: self.tie_breaker in nodes or fair(self, nodes))


def _no_wait_after_a_start(patch: Patch) -> None:
    recover = Granting.recover

    def at_once(cls: Any, *args: Any) -> Granting:
        found = recover(*args)
        found.quiet_until_ms = 0
        return found

    patch.setattr(Granting, "recover", classmethod(at_once))


def _guard_forgets_deadlines(patch: Patch) -> None:
    patch.setattr(Guard, "_watch", lambda self, workload: None)


def _release_before_the_stop(patch: Patch) -> None:
    patch.setattr(Keeper, "keys_in_use", lambda self: frozenset())


def _fences_are_forgotten(patch: Patch) -> None:
    grant = Granting._grant

    def forgetful(self: Granting, *args: Any) -> Any:
        self.fences.clear()
        return grant(self, *args)

    patch.setattr(Granting, "_grant", forgetful)


def _vote_is_not_persisted(patch: Patch) -> None:
    persist = Election._persist_follow
    patch.setattr(
        Election, "_persist_follow", lambda self, follow: msgspec.structs.replace(persist(self, follow), persist=())
    )


def _vote_is_forgotten(patch: Patch) -> None:
    recover = Election.recover
    patch.setattr(Election, "recover", classmethod(lambda cls, me, kept, at_ms: recover(me, None, at_ms)))


def _leaders_do_not_merge(patch: Patch) -> None:
    patch.setattr(Election, "_must_call_again", lambda self, view: False)
    patch.setattr(Election, "_not_yet_following", lambda self, at_ms, view: [])


def _anybody_may_say_anything(patch: Patch) -> None:
    kept = conversation._kept
    patch.setattr(conversation, "_kept", lambda said, name, version, may: kept(said, name, version, True))


def _signatures_are_not_checked(patch: Patch) -> None:
    patch.setattr(StandInVerifier, "verify", lambda self, key, statement, signature: True)


def _replays_are_heard(patch: Patch) -> None:
    patch.setattr(Once, "is_news", lambda self, statement: True)


def _old_lives_are_believed(patch: Patch) -> None:
    """Any other life of a peer is taken for its newest: one replayed beat, and the living one is never heard."""
    hear = Membership._hear

    def trusting(self: Membership, heard: Any, at_ms: int, view: Any) -> None:
        node, life = heard.statement.signer, heard.statement.life
        peer = self._peers.get(node)
        if peer is not None and life != peer.life and life not in peer.past_lives:
            past = (*peer.past_lives, peer.life)
            self._peers[node] = _Peer(life=life, past_lives=past, token_gone=peer.token_gone)
        hear(self, heard, at_ms, view)

    patch.setattr(Membership, "_hear", trusting)


def _isolation_is_never_declared(patch: Patch) -> None:
    patch.setattr(Uplink, "_due_mode", lambda self, manager, at_ms, view: "connected")


def _started_without_a_subscription(patch: Patch) -> None:
    keep = Keeper._keep

    def only_in_memory(self: Keeper, *of: Any) -> tuple[()]:
        keep(self, *of)
        return ()

    patch.setattr(Keeper, "_keep", only_in_memory)


def _the_ledger_says_yes(patch: Patch) -> None:
    patch.setattr(Voter, "_against", lambda self, *args: None)


def _holds_never_end(patch: Patch) -> None:
    patch.setattr(Voter, "_forget", lambda self, at_ms, view: None)


def _committed_without_assent(patch: Patch) -> None:
    patch.setattr(negotiation, "count", lambda *args, **named: Outcome.WON)


def _the_journal_stays_at_home(patch: Patch) -> None:
    patch.setattr(Journal, "lacking", lambda self, heads, most=0: ())


def _seconds_count_twice(patch: Patch) -> None:
    read = Monitoring._read

    def doubled(self: Monitoring, account: Any, *, final: bool = False) -> Effects:
        meter = account.meter
        account.meter = msgspec.structs.replace(
            meter, connected_s=meter.connected_s * 2, isolated_s=meter.isolated_s * 2
        )
        return read(self, account, final=final)

    patch.setattr(Monitoring, "_read", doubled)


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


def _acknowledged_and_not_stored(patch: Patch) -> None:
    take = ManagerSite._take_entry
    patch.setattr(ManagerSite, "_take_entry", lambda self, said: msgspec.structs.replace(take(self, said), persist=()))


def _said_and_not_kept(patch: Patch) -> None:
    """A verdict leaves, and is not in the manager's store."""
    say = ManagerSite._say
    patch.setattr(ManagerSite, "_say", lambda self, *args: msgspec.structs.replace(say(self, *args), persist=()))


def _changed_entries_are_believed(patch: Patch) -> None:
    """The manager takes whatever a member hands on."""

    class Trusting(Verifier):
        def verify(self, public_key: bytes, statement: bytes, signature: bytes) -> bool:
            return True

    def open_anything(sealed: Any, site: Any, key_of: Any, verifier: Any) -> Any:
        return conversation.open_sealed(sealed, site, key_of, Trusting())

    patch.setattr(manager, "open_sealed", open_anything)


def _judged_without_evidence(patch: Patch) -> None:
    patch.setattr(ManagerSite, "_evidence_missing", lambda self, plan: False)


def _verdicts_are_forgotten(patch: Patch) -> None:
    recover = ManagerSite.recover

    def forgetful(cls: Any, *args: Any) -> ManagerSite:
        site = recover(*args)
        site.verdicts, site._number = [], 0
        return site

    patch.setattr(ManagerSite, "recover", classmethod(forgetful))


def _repeats_are_added_up(patch: Patch) -> None:
    """The manager adds cumulative readings, of which the highest counts."""

    def summed(readings: Any) -> dict[Any, dict[str, int]]:
        found: dict[Any, dict[str, int]] = {}
        for reading in readings:
            if reading.what == "instance.seconds":
                account = found.setdefault(history._account(reading), dict.fromkeys(history.METERS, 0))
                for meter in history.METERS:
                    account[meter] += reading.data[meter]
        return found

    patch.setattr(history, "_metered", summed)


SABOTAGES = (
    Sabotage(name="X2: no drift margin", plant=_no_drift_margin, seeds_known=(3, 7), noticed_by=("I2",), shape=apart),
    Sabotage(
        name="X2: lease counted from the answer",
        plant=_lease_from_the_answer,
        seeds_known=(0, 1),
        noticed_by=("I2",),
        shape=apart,
    ),
    Sabotage(name="X3: the tie-breaker outvotes", plant=_tie_breaker_outvotes, noticed_by=("I2",), shape=halves),
    Sabotage(
        name="X4: no wait after a start",
        plant=_no_wait_after_a_start,
        seeds_known=(0, 3),
        noticed_by=("I2",),
        shape=forgetting,
    ),
    Sabotage(
        name="X6: the guard forgets deadlines",
        plant=_guard_forgets_deadlines,
        seeds_known=(2,),
        noticed_by=("I4", "I2"),
        shape=restarting,
    ),
    Sabotage(
        name="X7: release before the stop",
        plant=_release_before_the_stop,
        seeds_known=(9,),
        noticed_by=("I2",),
        shape=moving,
    ),
    Sabotage(
        name="X9: fences are forgotten",
        plant=_fences_are_forgotten,
        seeds_known=(3,),
        noticed_by=("I2",),
        shape=restarting,
    ),
    Sabotage(name="L1: a vote is not persisted", plant=_vote_is_not_persisted, noticed_by=("I1",)),
    Sabotage(name="L1: a vote is forgotten", plant=_vote_is_forgotten, noticed_by=("I1", "I10"), shape=restarting),
    Sabotage(name="L5: leaders do not merge", plant=_leaders_do_not_merge, noticed_by=("I12", "I11"), shape=halves),
    Sabotage(
        name="N4, P1: anybody may say anything", plant=_anybody_may_say_anything, noticed_by=("I8",), shape=spied_on
    ),
    Sabotage(
        name="N6: signatures are not checked", plant=_signatures_are_not_checked, noticed_by=("I8",), shape=spied_on
    ),
    Sabotage(
        name="I8: replays are heard", plant=_replays_are_heard, seeds_known=(1, 4), noticed_by=("I8",), shape=spied_on
    ),
    Sabotage(
        name="C1: old lives are believed",
        plant=_old_lives_are_believed,
        seeds_known=(3, 12),
        noticed_by=("I12",),
        shape=haunted,
    ),
    Sabotage(
        name="M2: isolation is never declared", plant=_isolation_is_never_declared, noticed_by=("M2",), shape=cut_off
    ),
    Sabotage(name="I4: started without a subscription", plant=_started_without_a_subscription, noticed_by=("I4",)),
    Sabotage(
        name="P3: the ledger says yes",
        plant=_the_ledger_says_yes,
        seeds_known=(17, 6),
        noticed_by=("I3",),
        shape=crowded,
    ),
    Sabotage(name="P2: holds never end", plant=_holds_never_end, noticed_by=("I13",), shape=quiet),
    Sabotage(name="G1: committed without assent", plant=_committed_without_assent, noticed_by=("I1",)),
    Sabotage(name="J3: the journal stays at home", plant=_the_journal_stays_at_home, noticed_by=("I5",)),
    Sabotage(name="H1: seconds count twice", plant=_seconds_count_twice, noticed_by=("I6",)),
    Sabotage(
        name="I9: withdrawals are overlooked", plant=_withdrawals_are_overlooked, noticed_by=("I9", "I12"), shape=moving
    ),
    Sabotage(name="I10: plans go back", plant=_plans_go_back, noticed_by=("I10",), shape=spied_on),
    Sabotage(
        name="J3: acknowledged and not stored", plant=_acknowledged_and_not_stored, noticed_by=("I5",), shape=overseen
    ),
    Sabotage(name="J4: said and not kept", plant=_said_and_not_kept, noticed_by=("I10",), shape=overseen),
    Sabotage(
        name="J1: changed entries are believed", plant=_changed_entries_are_believed, noticed_by=("I8",), shape=overseen
    ),
    Sabotage(name="D18: judged without evidence", plant=_judged_without_evidence, noticed_by=("R1",), shape=overseen),
    Sabotage(name="R1: verdicts are forgotten", plant=_verdicts_are_forgotten, noticed_by=("R1",), shape=overseen),
    Sabotage(name="H1: repeats are added up", plant=_repeats_are_added_up, noticed_by=("I6",)),
)
