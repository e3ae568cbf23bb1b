"""The one scenario of the peers: the node that leads is cut off, is served for elsewhere, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.disconnect.sightings import Kind, Record, both_answered_ms, double_ms, first_ms, served_again_ms
from bench.disconnect.systems.base import INSIDE, OUTSIDE, Figures, Lan, pause, until
from skerry.shell.clock import boot_ms

OVER_WITHIN_S, AGREED_WITHIN_S = 180.0, 180.0
HOLD_S = 3.0
"""After all is served again and before it is mended: time for a second copy to show itself."""


class Loss(NamedTuple):
    """What is lost, and how it is seen."""

    lan: Lan
    victim: str
    others: list[str]
    role: str
    """Of which clients see that it is served; empty: there is none."""
    record: Record
    by_process: bool = False
    """Whether copies are seen as processes, else by what clients of both sides are answered."""
    told: tuple[str, ...] = ("node_noticed_ms", "new_leader_ms")
    """What the system's own word says beside that."""
    hold_s: float = HOLD_S


def lose(loss: Loss, agreed: Callable[[], bool]) -> Figures:
    """Cut, wait until it is made good, mend, wait until all agree again. Raises `Failed`."""
    found: Figures = {}
    cut_ms = loss.lan.cut(loss.victim)
    until(f"the loss of {loss.victim} is made good", lambda: _over(loss, found, cut_ms), OVER_WITHIN_S)
    pause(loss.hold_s)
    healed_ms = boot_ms()
    _over(loss, found, cut_ms)
    if loss.role:
        seen = loss.record.seen()
        both = both_answered_ms(seen, loss.role, OUTSIDE, INSIDE, cut_ms)
        found["once_double_ms"] = [double_ms(seen, loss.role, healed_ms) if loss.by_process else both]
    loss.lan.heal(loss.victim)
    until("all agree again", agreed, AGREED_WITHIN_S)
    found["node_agrees_ms"] = [boot_ms() - healed_ms]
    return found


def _over(loss: Loss, found: Figures, cut_ms: int) -> bool:
    seen = loss.record.seen()
    values = {
        "node_noticed_ms": first_ms(seen, Kind.LOST, cut_ms, by=loss.others, about=[loss.victim]),
        "new_leader_ms": first_ms(seen, Kind.LED, cut_ms, by=loss.others, about=loss.others),
    }
    wanted = {name: values[name] for name in loss.told}
    if loss.by_process:
        wanted["once_served_ms"] = first_ms(seen, Kind.BEGAN, cut_ms, by=loss.others, about=[loss.role])
    elif loss.role:
        wanted["once_served_ms"] = served_again_ms(seen, loss.role, OUTSIDE, cut_ms, boot_ms())
    found.update({name: [value] for name, value in wanted.items() if value is not None})
    return all(value is not None for value in wanted.values())
