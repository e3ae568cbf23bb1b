"""What of a manager's own word, and of operators' holds, a site lacks; and its signed word on what it has stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skerry.core.actors.parts import concerns, plan_of
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import CARRY_MAX, LATER_PREFIX, Kept, Version, is_older
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Acknowledgement
from skerry.core.kernel.sealing import Sealed
from skerry.core.stages.intent.holds import HOLD_PREFIX

CARRY_BYTES_MAX = 48 * 1024
"""An answer stays small, so that it passes a thin link in one piece; the rest goes with the next."""
OWN = ("roster/", "site", "catalogue", "intent/", "verdict/", "acknowledged")
"""The documents that are a manager's word."""
FIT_PREFIX = "fit/"
LOCAL = (0,)
"""In the version of an intent: it was handed in at the site."""
ACKNOWLEDGE_EVERY_MS = 600_000
"""Between two signed words on what is stored, if more is by then."""


def own(custody: Custody) -> list[Kept]:
    """A manager's word, in the order in which a node can take it: rosters first and in order, since what follows may
    be signed by somebody they bring in; verdicts last."""

    def place(name: str) -> tuple[int, str]:
        return (next(i for i, prefix in enumerate((*OWN, "")) if name.startswith(prefix)), name)

    names = sorted((n for n, kept in custody.kept.items() if kept.author == custody.me), key=place)
    return [custody.kept[name] for name in names]


def lacking(custody: Custody, theirs: Mapping[str, Version], without: str | None) -> list[Sealed]:
    """What a member with these versions lacks of it and concerns its part, of the holds (R4) and of what only later
    versions can read, as much as fits; of the documents `without`, only new ones. Also the reports of fit of which the
    site has an earlier one: its disks were put back, and the next report counts on from the last."""
    found: list[Sealed] = []
    size_bytes, plan = 0, plan_of(theirs, custody)
    others = [kept for _, kept in sorted(custody.kept.items()) if kept.author != custody.me]
    put_back = [k for k in others if k.name.startswith(FIT_PREFIX) and k.name in theirs]
    handed_on = [*(k for k in others if k.name.startswith((HOLD_PREFIX, LATER_PREFIX))), *put_back]
    for kept in (*own(custody), *handed_on):
        held = theirs.get(kept.name)
        if not concerns(kept, theirs, plan):
            continue
        if held is not None and (not is_older(held, kept.version) or kept.name.startswith(without or "\0")):
            continue
        size_bytes += len(kept.sealed.statement)
        if found and (size_bytes > CARRY_BYTES_MAX or len(found) >= CARRY_MAX):
            break
        found.append(kept.sealed)
    return found


def knows_all(custody: Custody, theirs: Mapping[str, Version]) -> bool:
    """Whether a manager has all of its own word that a site with these versions has, and of the holds that were handed
    in at it, and bear its numbers (J4)."""
    mine = custody.versions()
    said = {n: v for n, v in theirs.items() if n.startswith(OWN) and v[1:2] != LOCAL}
    said |= {n: v for n, v in theirs.items() if n.startswith(HOLD_PREFIX) and n.endswith(f"@{custody.me}")}
    return all(name in mine and not is_older(mine[name], version) for name, version in said.items())


MENTIONED_MAX = 256
"""Chains in one such word; some eleven kilobytes."""


@dataclass
class Acknowledging:
    """When a manager signs what it has stored: now and then, and only in an act that has stored some of it, so that one
    whose disk takes nothing goes on answering (J3)."""

    every_ms: int = ACKNOWLEDGE_EVERY_MS
    stored: bool = False
    """Whether something of the journal was stored since the last such word."""
    _last_ms: int | None = None

    def word(
        self,
        last: Acknowledgement | None,
        journal: Journal,
        owing: Mapping[str, int],
        held: Iterable[str],
        at_ms: int,
    ) -> Acknowledgement | None:
        """The next word, if one is due; at once if the last one says too much. `owing` is what it was found to have
        said and does not hold, `held` are the chains that members have; of others as many are named as fit, so that
        after a backup nothing of them is missed in silence."""
        known = last.heads if last is not None else {}
        needed = {*held, *journal.ends()}
        others = sorted(set(known) - needed)[: max(MENTIONED_MAX - len(needed), 0)]
        chains = {name: journal.chains[name] for name in sorted({*needed, *others}) if name in journal.chains}
        heads = {name: (chain.head, chain.hash) for name, chain in chains.items()}
        too_much = any(number > journal.heads.get(name, 0) for name, (number, _) in known.items())
        due = self._last_ms is None or at_ms - self._last_ms >= self.every_ms
        if not self.stored or not (due or too_much) or heads == known:
            return None
        self._last_ms, self.stored = at_ms, False
        return Acknowledgement(number=(last.number if last is not None else 0) + 1, heads=heads, owed=dict(owing))
