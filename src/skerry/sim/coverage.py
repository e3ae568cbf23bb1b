"""Whether a run was worth its time: what happened in it, how often, and what never did.

A checker that is green proves nothing if what it watches for never came up, so each has its premises counted here
beside faults, states and reasons of refusal. `EXPECTED` is what a run of some hundred seeds must have seen; a zero is a
failure, and so is a name that is counted but not listed, in the groups that are listed whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from skerry.core.kernel.effects import Note
from skerry.sim.faults.names import FAULTS
from skerry.sim.graphs import GRAPHS

_REASONS: tuple[tuple[str, str], ...] = (
    ("is not in the roster", "refused.stranger"),
    ("the signature is not", "refused.forged"),
    ("a statement of the site", "refused.other_site"),
    ("is not known to this version", "refused.unknown_kind"),
    ("not a statement", "refused.malformed"),
    ("a malformed", "refused.malformed_body"),
    ("not a sealed", "refused.no_envelope"),
    ("may not say", "refused.not_its_word"),
    ("is no document", "refused.no_document"),
    ("not enough free", "no.not_enough_free"),
    ("was not measured here", "no.not_measured"),
    ("drained by", "no.drained"),
)
"""Phrases of reasons that are given to people, and the name under which each is counted."""


def reason_name(text: str) -> str | None:
    """The name of a reason; None for one that is not counted."""
    return next((name for phrase, name in _REASONS if phrase in text), None)


class Coverage:
    """Counts by name."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def hit(self, name: str) -> None:
        """It happened once more."""
        self.counts[name] += 1

    def note(self, note: Note) -> None:
        """A public event of an agent; those with a reason count under the reason as well."""
        self.counts[f"note.{note.what}"] += 1
        why = note.data.get("why")
        if isinstance(why, str) and (name := reason_name(why)) is not None:
            self.counts[name] += 1


EXPECTED: tuple[str, ...] = (
    *(f"fault.{kind}" for kind in FAULTS),
    "fault.message.lost",
    "fault.message.doubled",
    "fault.message.late",
    "fault.message.replayed",
    "fault.crash.before_persist",
    "fault.crash.between_effects",
    "fault.workload.never_ready",
    "fault.trial.failed",
    "fault.forged.signature",
    "fault.forged.stranger",
    "fault.forged.other_site",
    "fault.forged.unknown_kind",
    "fault.forged.malformed",
    "fault.forged.malformed_body",
    "fault.forged.no_envelope",
    "fault.forged.not_its_word",
    "fault.forged.stranger_up",
    "fault.message.replayed_up",
    "fault.forged.question",
    "fault.forged.entry",
    "fault.manager.crash_before_commit",
    "fault.manager.crash_before_answer",
    "fault.manager.commit_refused",
    "fault.disk.full.refused",
    *(f"state.phase.{phase}" for phase in ("waiting", "starting", "active", "draining", "stopping", "failed")),
    *(f"state.role.{role}" for role in ("leader", "member", "alone", "leaderless", "ineligible")),
    "state.mode.connected",
    "state.mode.isolated",
    "state.cold_start",
    "state.runs_alone",
    *(f"state.managers.{number}" for number in range(4)),
    "state.guest.late",
    "state.mode.differs",
    "state.room.lacking",
    "state.room.made",
    "premise.D24",
    "premise.D25",
    *(f"state.graph.{graph}" for graph in GRAPHS),
    *(f"state.core.{core}" for core in ("whole", "reaching", "cut_off")),
    "state.guard.deadline",
    "state.unattended.answers",
    "state.unattended.silent",
    "state.client.served",
    "state.client.refused",
    "state.client.failed",
    "state.grant.held",
    "state.grant.quiet",
    "state.assent.held",
    "state.written",
    "fault.written_anew",
    "fault.settled_anew",
    "refused.stranger",
    "refused.stranger.at_manager",
    "refused.forged",
    "refused.other_site",
    "refused.unknown_kind",
    "refused.malformed",
    "refused.malformed_body",
    "refused.no_envelope",
    "refused.not_its_word",
    "refused.no_document",
    "refused.forged.at_manager",
    "no.not_enough_free",
    "verdict.final",
    "verdict.final.temporary",
    "verdict.replaced",
    "verdict.replaced.temporary",
    "verdict.refused.temporary",
    "note.intent.local",
    "note.intent.taken_over",
    "note.intent.refused",
    "note.journal.refused",
    "note.journal.fork",
    "note.journal.lost",
    "note.journal.claimed",
    "note.life.ends",
    "note.manager.found",
    "state.journal.dropped",
    "state.journal.lost",
    "note.role.failed",
    "note.role.draining",
    "note.role.stays",
    "note.workload.adopted",
    "note.node.given_up",
    "note.leader.hands_over",
    "note.assignment.refused",
    "note.assignment.open",
    "note.mode.isolated",
    "note.mode.connected",
    "note.grant.lost",
    "note.grant.surrendered",
    "note.plan.committed",
    *(f"premise.I{number}" for number in range(1, 14)),
    *(f"premise.U{number}" for number in range(1, 8)),
    "premise.U12",
    "premise.L6",
    "premise.L7",
    "premise.M2",
    "premise.M5",
    "premise.X5",
    "fault.guest.pauses",
    "fault.declared.off",
    "fault.declared.on",
    "fault.operator.dismissed",
    "note.node.removed",
    "note.roster.counts",
    "note.roster.closed",
    "premise.J1",
    "premise.J4",
    "premise.N1",
    "premise.R1",
    "premise.R4",
    "state.hold.lifted",
    "note.hold.set",
    "note.hold.lifted",
    "note.hold.refused",
    "note.hand_over.refused",
    "no.drained",
)


LISTED_WHOLE = ("fault.", "premise.", "refused.", "state.")
"""Groups of which `EXPECTED` has every name, so that nothing new stays outside of it by mistake."""


def surprising(counts: Mapping[str, int]) -> list[str]:
    """What happened and is not listed, in the groups that are listed whole."""
    return [name for name in counts if name.startswith(LISTED_WHOLE) and name not in EXPECTED]


def missing(counts: Mapping[str, int]) -> list[str]:
    """What never happened and should have."""
    return [name for name in EXPECTED if counts.get(name, 0) == 0]
