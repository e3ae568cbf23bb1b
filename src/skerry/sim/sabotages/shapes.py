"""Worlds in which one group of rules matters: everything else holds still there."""

from __future__ import annotations

from dataclasses import replace

from skerry.core.group.journal.model import Retention
from skerry.sim.clocks import DRIFT_PPM_MAX
from skerry.sim.options import LENGTHS_MS, Options


def whole(options: Options) -> Options:
    """One network, clocks that are nearly right, and everything is healed in the end."""
    return replace(options, graph="mesh", walls_wrong=False, core_permille=0)


def apart(options: Options) -> Options:
    """Holders stand still for longer than their lease, programs die late, and one clock is as slow as it may be while
    the others are as fast: a margin that is missing shows as a fifth of a second, about as long as a candidate takes to
    ask again."""
    nodes = ("n1", "n2", "n3")
    return replace(
        whole(options),
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
    """Somebody forges and repeats."""
    return replace(options, adversary=True)


def haunted(options: Options) -> Options:
    """Agents restart, and somebody repeats what they said in earlier lives."""
    return replace(
        restarting(options), adversary=True, faults=("agent.crash",), fault_gap_max_ms=9_000, safety_ms=60_000
    )


def crowded(options: Options) -> Options:
    """Owners that take memory after the fit was reported."""
    faults = ("owner.takes_memory", "manager.withdraws", "manager.adds_intent", "link.split", "machine.power")
    drift = {"n1": 0, "n2": 0}
    return replace(
        whole(options), nodes=("n1", "n2"), drift_ppm=drift, tie_breaker="n1", faults=faults, safety_ms=60_000
    )


def quiet(options: Options) -> Options:
    """Nothing breaks."""
    return replace(whole(options), faults=(), adversary=False, cold=False, safety_ms=40_000)


def cut_off(options: Options) -> Options:
    """The uplink is gone, from the start and again and again."""
    return replace(whole(options), faults=("uplink.cut", "link.split"), cold=True)


def reconnecting(options: Options) -> Options:
    """The way to the manager goes and comes back; inside the site all is well."""
    nodes = ("n1", "n2", "n3")
    return replace(
        quiet(options),
        nodes=nodes,
        tie_breaker=None,
        drift_ppm=dict.fromkeys(nodes, 0),
        loss_permille=0,
        faults=("uplink.cut",),
        fault_gap_max_ms=1_500,
        fault_lengths_ms=((10_000, 30_000),),
        safety_ms=60_000,
    )


def overseen(options: Options) -> Options:
    """Much goes on between the site and its manager, which dies and comes back; somebody changes what is handed on."""
    faults = ("uplink.cut", "uplink.flap", "manager.restarts", "manager.crashes", "manager.raises_limit")
    return replace(whole(options), faults=faults, adversary=True, fault_gap_max_ms=4_000)


def forgetful(options: Options) -> Options:
    """Journals that are dropped as soon as they may be."""
    return replace(options, retention=Retention(keep_ms=0, fold_from=8), acknowledge_every_ms=1_000)


def cloned(options: Options) -> Options:
    """Somebody has a copy of a node's key, and writes in its journal."""
    return replace(
        whole(options), faults=("node.equivocates", "link.alone"), nodes=("n1", "n2", "n3"), safety_ms=30_000
    )


def folding_much(options: Options) -> Options:
    """The site is cut off for long, and makes sums of its readings; agents crash meanwhile."""
    faults = ("uplink.cut", "uplink.cut", "agent.crash")
    return replace(reconnecting(options), retention=Retention(fold_from=2), faults=faults, fault_gap_max_ms=8_000)


def put_back(options: Options) -> Options:
    """The manager is put back to a backup, while journals are dropped as soon as they may be."""
    faults = ("manager.old_backup", "manager.adds_intent", "manager.raises_limit", "agent.crash")
    return replace(forgetful(whole(options)), faults=faults, nodes=("n1", "n2", "n3"), safety_ms=40_000)


def losing(options: Options) -> Options:
    """Members are alone for long, and are taken out meanwhile, or never heard of again."""
    faults = ("link.alone", "uplink.cut_one", "roster.leave")
    nodes = ("n1", "n2", "n3", "n4")
    return replace(
        reconnecting(options), nodes=nodes, drift_ppm=dict.fromkeys(nodes, 0), faults=faults, core_permille=1_000
    )


def resettled(options: Options) -> Options:
    """Head office changes the site's settings, and machines go off and come back."""
    faults = ("manager.raises_limit", "manager.raises_limit", "machine.power", "agent.crash")
    return replace(reconnecting(options), written=True, guests=(), absent=False, faults=faults)
