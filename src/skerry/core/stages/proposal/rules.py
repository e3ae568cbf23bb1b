"""Ranking: who should fill a slot, and why not the others (D11, P5).

The objective function is a weighted mean of terms of 0 to 1,000, each of which says one thing: how far the measured fit
goes, how sure the node is to go on, what it would have free afterwards, how little would have to change. Whoever fills
the slot already, and does, is not ranked against others at all: healthy work is not moved for a better place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import Measured, does, fit_permille
from skerry.core.stages.ir.model import Configuration, ElementSpec
from skerry.core.stages.proposal.model import NOT_MEASURED, Candidate, Member, Ranking


def rank(
    element: str,
    spec: ElementSpec,
    members: Mapping[NodeId, Member],
    *,
    occupied: Mapping[NodeId, Collection[Configuration]],
    siblings: Collection[NodeId],
    at_home: Mapping[NodeId, str],
    refused: Mapping[NodeId, str],
    at_work: Collection[tuple[NodeId, str]] = (),
    lowered: bool = False,
) -> Ranking:
    """Rank all members for one instance of one role.

    `element` is `<intent>/<element>`, the key of the fit reports. `occupied` are the configurations that the plan in
    the making already has on each node; `siblings` the nodes that hold another instance of the same element;
    `at_home` the nodes on which the instance runs now or will in the other set, with their configuration's digest;
    `refused` those that said no of late; `at_work` the nodes on which it runs now, each with its configuration's
    digest: these are no newcomers, of whom alone headroom is asked.
    """
    candidates: list[Candidate] = []
    unable: dict[NodeId, str] = {}
    for node, member in sorted(members.items()):
        why = refused.get(node) or ("it holds another instance of this role" if node in siblings else None)
        why = why or _shortage(member, spec.resources)
        if why is not None:
            unable[node] = why
            continue
        settled = {digest for at, digest in at_work if at == node}
        found, reasons = _configurations(element, spec, member, occupied.get(node, ()), settled, lowered)
        if not found:
            unable[node] = "; ".join(reasons) or "it has measured no configuration of this role"
        candidates.extend(_score(spec, node, member, c, m, at_home, lowered) for c, m in found)
    best: dict[NodeId, Candidate] = {}
    for candidate in sorted(candidates, key=_order):
        best.setdefault(candidate.node, candidate)
    return Ranking(candidates=tuple(sorted(best.values(), key=_order)), unable=unable)


def worth_moving(ranking: Ranking, holder: NodeId, gain_permille: int) -> Candidate | None:
    """D18: the best of the others, if its score is above the holder's by at least so much of it; whoever holds the slot
    and would not be chosen for it today has the score 0."""
    others = [c for c in ranking.candidates if c.node != holder]
    own = max((c.score for c in ranking.candidates if c.node == holder), default=0)
    best = min(others, key=lambda c: (-c.score, c.node), default=None)
    return best if best is not None and best.score * 1_000 >= own * (1_000 + gain_permille) else None


def _order(candidate: Candidate) -> tuple[int, int, NodeId, str]:
    return (-candidate.terms["change"], -candidate.score, candidate.node, candidate.configuration)


def _shortage(member: Member, needed: Resources) -> str | None:
    lacking = member.free.lacking(needed)
    return "; ".join(lacking) if lacking else None


def _configurations(
    element: str,
    spec: ElementSpec,
    member: Member,
    occupied: Collection[Configuration],
    settled: Collection[str],
    lowered: bool,
) -> tuple[list[tuple[Configuration, Measured]], list[str]]:
    """The configurations that would do on a node, and of the others why not. `settled`: what does the work there."""
    able: list[tuple[Configuration, Measured]] = []
    reasons: list[str] = []
    measured = member.fit.measured.get(element, {})
    limitations = member.fit.limitations.get(element, {})
    for name, configuration in sorted(spec.configurations.items()):
        figure = measured.get(name)
        if name in limitations:
            reasons.append(f"{name}: {limitations[name]}")
        elif figure is None or figure.digest != configuration.digest:
            reasons.append(f"{name}: {NOT_MEASURED}")
        elif figure.failure is not None:
            reasons.append(f"{name}: {figure.failure}")
        elif not does(spec, figure, lowered=lowered, newcomer=configuration.digest not in settled):
            fit = fit_permille(spec.standards, figure.figures_milli, lowered=lowered)
            want = 1_000 if lowered or configuration.digest in settled else spec.headroom_permille
            reasons.append(f"{name}: fit {fit / 1000:.2f}, {want / 1000:.2f} wanted")
        elif clash := conflict(configuration, occupied):
            reasons.append(f"{name}: conflicts with {clash}")
        else:
            able.append((configuration, figure))
    return able, reasons


def conflict(configuration: Configuration, others: Collection[Configuration]) -> str | None:
    """The name of a configuration that may not run on the same node, by its own word or the other's (D16)."""
    return next((other.name for other in others if configuration.conflicts_with(other)), None)


def _score(
    spec: ElementSpec,
    node: NodeId,
    member: Member,
    configuration: Configuration,
    measured: Measured,
    at_home: Mapping[NodeId, str],
    lowered: bool,
) -> Candidate:
    fit = fit_permille(spec.standards, measured.figures_milli)
    want = max(spec.headroom_permille, 1)
    terms = {
        "fit": fit * 1000 // (fit + want),  # grows with every improvement, and reaches 500 at what is wanted
        "assurance": member.fit.facts.assurance_permille,
        "free": _free_after_permille(member, spec.resources),
        "change": 1000 if at_home.get(node) == configuration.digest else 0,
    }
    weights = {
        "fit": spec.weights.fit,
        "assurance": spec.weights.assurance,
        "free": spec.weights.free,
        "change": spec.weights.change,
    }
    whole = max(sum(weights.values()), 1)
    return Candidate(
        node=node,
        configuration=configuration.name,
        digest=configuration.digest,
        fit_permille=fit,
        lowered=lowered,
        terms=terms,
        weights=weights,
        score=sum(terms[name] * weight for name, weight in weights.items()) // whole,
    )


def _free_after_permille(member: Member, needed: Resources) -> int:
    """The scarcest kind's share that would still be free; there is as much as is needed."""
    caps, after = member.fit.facts.caps, member.free - needed
    shares = [
        left * 1000 // cap
        for left, cap in (
            (after.cpu_milli, caps.cpu_milli),
            (after.memory_bytes, caps.memory_bytes),
            (after.disk_bytes, caps.disk_bytes),
        )
        if cap > 0
    ]
    return min([*shares, 1000])
