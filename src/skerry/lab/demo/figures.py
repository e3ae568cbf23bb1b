"""What is to be reached, figure by figure, and what it depends on. `None` as a value means that it was not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

REQUESTS = 500
"""Fewer would say little about a client's experience."""


CHANCE, CHANCE_MS = 3, 200
"""By how much a count or a time differs from run to run though nothing was changed."""


class Timers(NamedTuple):
    """What the figures depend on, in milliseconds; printed first."""

    grace_ms: int
    settling_ms: int
    lease_ms: int = 1_000
    run_once_lease_ms: int = 3_000
    drift_permille: int = 10
    start_up_ms: int = 1_500
    """What the programs of the example may take to start and pass their check, on two busy cores."""


class Reach(NamedTuple):
    """One figure's goal."""

    text: str
    holds: Callable[[Any], bool]
    less_is_better: bool = False


def _at_most(most: int) -> Reach:
    return Reach(f"≤ {most:,}", lambda value: value is not None and value <= most, less_is_better=True)


def _at_least(least: int) -> Reach:
    return Reach(f"≥ {least:,}", lambda value: value is not None and value >= least)


ZERO = Reach("0", lambda value: value == 0, less_is_better=True)
ANY_BUT_LESS_IS_BETTER = Reach("any", lambda value: value is not None, less_is_better=True)
ANY = Reach("any", lambda value: value is not None)
POSITIVE = Reach("> 0", lambda value: value is not None and value > 0)


def is_worse(reach: Reach, before: Any, after: Any) -> bool:
    """Whether a figure that was reached is so no longer, or a time or count grew by more than half, and by more than
    chance."""
    if not reach.holds(after):
        return reach.holds(before)
    if not (reach.less_is_better and type(before) is int and type(after) is int):
        return False
    return after > before + before // 2 + (CHANCE_MS if reach.text != "any" else CHANCE)


def client() -> dict[str, Reach]:
    """Whatever was done to the site, this is what its client may notice."""
    return {
        "client_requests": _at_least(REQUESTS),
        "client_failures": ANY_BUT_LESS_IS_BETTER,
        "client_failures_without_fault": ZERO,
        "client_wrong_answers": ZERO,
        "client_acked_lost": ZERO,
        "late_answers": ANY,
        "client_longest_gap_ms": _at_most(6_000),
        "run_once_overlap_ms": ZERO,
        "healthy_restarts": ZERO,
        "uplink_leaks": ZERO,
        "agent_pss_mib_max": _at_most(48),
    }


def cold() -> dict[str, Reach]:
    """`--cold` and `--live`: while the whole site is without power, or as somebody at the keyboard wants it, nobody is
    served, so no gap is asked for."""
    kept = ("client_wrong_answers", "client_acked_lost", "late_answers", "run_once_overlap_ms", "uplink_leaks")
    return {name: reach for name, reach in client().items() if name in kept}


def cut(timers: Timers) -> dict[str, Reach]:
    """Act 7."""
    return {
        "cut_to_isolated_plan_ms": _at_most(timers.grace_ms + 300 + timers.start_up_ms),
        "switched_ms": _at_most(1_000),
        "switched_without_start_up_ms": _at_most(100),
    }


def losses(timers: Timers) -> dict[str, Reach]:
    """Act 8."""
    promise_ms = timers.run_once_lease_ms * (1_000 + timers.drift_permille) // 1_000
    return {
        "leader_lost_to_new_leader_ms": _at_most(timers.lease_ms + 300),
        "node_lost_to_role_active_ms": _at_most(timers.lease_ms + 1_500),
        "run_once_lost_to_active_ms": _at_most(promise_ms + 1_500),
        "refused_for_resources": _at_least(1),
        "voted_no_from_experience": _at_least(1),
        "journal_entries_lost": ZERO,
    }


def reconnection() -> dict[str, Reach]:
    """Acts 9 to 12."""
    return {
        "healed_to_agreed_ms": _at_most(3_000),
        "moved_besides": ZERO,
        "failed_on_reconnection": ZERO,
        "ratified": _at_least(1),
        "replaced": _at_least(1),
        "forged_accepted": ZERO,
        "use_seconds_isolated": POSITIVE,
        "use_seconds_connected": POSITIVE,
        "use_seconds_unknown": ANY,
    }
