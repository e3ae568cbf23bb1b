"""Pronounces on I2, I4, I6, I7, I9 and U1-U7 by name, from what was seen outside. Standard library alone.

Each verdict says how often its premise came about: what never was at stake has not been shown. The times that it grants
are those of the protocol, with what a program needs to start and a busy machine to get round to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from skerry.lab.chaos.record import NEVER_MS, Round, Seen, Work, counts

STALLED_MS = 2_000
"""After a machine goes on that stood still, its work may finish the request that it was in before its guard ends it
(X9): until then it is the fence that tells others, and what the client believed counts."""
PROMISE_MS = 3_030
STOPPING_MS = 1_000
LATE_MS = 1_500
"""What a busy machine may be late by."""
MOVED_MS = 15_000
"""Until the work of a lost node runs elsewhere: notice, promise, agreement, the start of programs."""
BACK_MS = 60_000
"""Until a site that was switched on again does its work."""
WITHDRAWN_MS = 10_000
SETTLED_MS = 90_000
TIE_BREAKER_WEIGHT, WEIGHT = 3, 2
SHOWN_MAX = 5


class Case(NamedTuple):
    """What is known of the site beside what is seen."""

    nodes: tuple[str, ...]
    tie_breaker: str
    intent: str
    connected: dict[str, int]
    isolated: dict[str, int]
    once: str
    """The element that may not be double."""
    spoken: str
    """The intent that people give and take away."""


class Verdict(NamedTuple):
    """On one property."""

    name: str
    times: int
    """How often it was at stake."""
    violations: list[str]

    @property
    def said(self) -> str:
        """In a word."""
        return "violated" if self.violations else "held" if self.times else "not at stake"


def judge(seen: Seen, case: Case) -> list[Verdict]:
    """All verdicts, in order."""
    return [Verdict(rule.__name__.upper(), *_counted(rule(seen, case))) for rule in RULES]


Findings = Iterator[str | None]
"""None: it was at stake and held. A text: it was at stake and did not."""


def _counted(findings: Findings) -> tuple[int, list[str]]:
    found = list(findings)
    return len(found), [text for text in found if text is not None]


def i2(seen: Seen, case: Case) -> Findings:
    """Never two at once: by the processes, by their notes, and by what the client was told and believed."""
    holders = {work for span in seen.spans for work in span.able if work.element == case.once}
    yield from [None] * max(0, len(holders) - 1)
    for span in seen.spans:
        both = {work for work in span.able if work.element == case.once}
        if len(both - _just_thawed(seen, both, span.from_ms, span.to_ms)) > 1:
            yield f"{_named(both)} were able to run at once for {span.to_ms - span.from_ms} ms from {span.from_ms} on"
    highest, first_ms = -1, 0
    for note in sorted(seen.notes, key=lambda note: int(note["t_ms"])):
        if note["fence"] > highest:
            highest, first_ms = note["fence"], note["t_ms"]
        elif note["fence"] < highest and not _thawed_near(seen, note["node"], note["t_ms"]):
            yield f"fence {note['fence']} decided {note['t_ms'] - first_ms} ms after fence {highest} on {note['node']}"
    highest, first_ms = -1, 0
    for op in seen.ops:
        if op["ok"] and op.get("fence") is not None and op["fence"] > highest:
            highest, first_ms = op["fence"], op["t_ms"]
        elif op["ok"] and op.get("fence") is not None and op["fence"] < highest:
            yield f"the client believed fence {op['fence']} {op['t_ms'] - first_ms} ms after it had seen {highest}"


def i4(seen: Seen, case: Case) -> Findings:
    """Nothing runs beyond what is agreed; what needs a majority does not outlive it."""
    for from_ms, to_ms in seen.quiet():
        for span in seen.between(from_ms + LATE_MS, to_ms):
            runs = [work.run for work in span.there]
            double = sorted({run for run in runs if runs.count(run) > 1})
            more = counts(span.there, case.intent) - Counter(case.connected)
            yield f"at rest, at {span.from_ms}: {double or dict(more)} too many" if double or more else None
    for round_ in seen.rounds:
        over_ms = round_.began_ms + PROMISE_MS + STOPPING_MS + LATE_MS
        for span in seen.between(over_ms, round_.mending_ms) if _parted_for_good(round_) else ():
            late = {w for w in span.there if w.element == case.once and w.node in _without_quorum(round_, case)}
            yield f"{_named(late)} outlived its grants, at {span.from_ms}" if late else None


def i6(seen: Seen, case: Case) -> Findings:
    """No second is counted twice: an account has no more than the processes were there for."""
    for claim in seen.claims:
        lived_ms, lives = 0, set[Work]()
        for span in seen.spans:
            mine = {work for work in span.there if work.run == claim["instance"]}
            lived_ms += len(mine) * (span.to_ms - span.from_ms)
            lives |= mine
        most_s = lived_ms / 1_000 + len(lives)
        told_s = int(claim["counted_s"])
        yield f"{claim['instance']}: {told_s} s counted, {most_s:.0f} s lived" if told_s > most_s else None


def i7(seen: Seen, case: Case) -> Findings:
    """After healing all roles are filled and stay where they are."""
    for round_ in seen.rounds:
        settled_ms = round_.at_ms("settled")
        if round_.healed_ms == NEVER_MS:
            continue
        why = next((str(mark["why"]) for mark in round_.marks if mark["what"] == "unsettled"), "")
        late = settled_ms is None or settled_ms - round_.healed_ms > SETTLED_MS
        yield f"round {round_.number}: not settled within {SETTLED_MS // 1_000} s: {why}" if late else None
    for from_ms, to_ms in seen.quiet():
        before = seen.at(from_ms)
        gone = [(s.from_ms, work) for s in seen.between(from_ms, to_ms) for work in before - s.there]
        yield f"at rest, at {gone[0][0]}: {_named({gone[0][1]})} ended" if gone else None


def i9(seen: Seen, case: Case) -> Findings:
    """What was withdrawn ends everywhere within ten seconds of reconnection."""
    for round_ in seen.rounds:
        if round_.at_ms("withdraw") is None or round_.healed_ms == NEVER_MS:
            continue
        until_ms = min((r.began_ms for r in seen.rounds if r.began_ms > round_.began_ms), default=seen.end_ms)
        over_ms = round_.healed_ms + WITHDRAWN_MS + STOPPING_MS + LATE_MS
        left = {w for s in seen.between(over_ms, until_ms) for w in s.there if _of(w, case.spoken)}
        yield f"round {round_.number}: {_named(left)} ran on after the withdrawal" if left else None


def u1(seen: Seen, case: Case) -> Findings:
    """Nodes that were power-cycled while the site was cut off bring the work back, with nobody's permission."""
    for round_ in seen.rounds:
        started_ms = round_.at_ms("started")
        if started_ms is None or not round_.kinds() & {"cut", "blackout"}:
            continue
        at_ms = seen.first(lambda able: _filled(able, case), started_ms, round_.healed_ms)
        late = at_ms is None or at_ms - started_ms > BACK_MS
        yield f"round {round_.number}: the work was not back while the site was cut off" if late else None


def u2(seen: Seen, case: Case) -> Findings:
    """What the manager was told while the site was cut off comes about once the link is back."""
    for round_ in seen.rounds:
        if round_.at_ms("issue") is None or round_.healed_ms == NEVER_MS:
            continue
        at_ms = seen.first(lambda able: any(_of(w, case.spoken) for w in able), round_.healed_ms, seen.end_ms)
        late = at_ms is None or at_ms - round_.healed_ms > SETTLED_MS
        yield f"round {round_.number}: the new intent did not come about" if late else None


def u3(seen: Seen, case: Case) -> Findings:
    """Work that both modes want is not stopped or restarted because the link dropped or came back."""
    for round_ in seen.rounds:
        if not round_.kinds() <= {"cut", "flap", "uplink", "clock"} or not round_.kinds() & {"cut", "flap"}:
            continue
        ended = _ended(seen, case, round_)
        yield f"round {round_.number}: {_named(ended)} ended" if ended else None


def u4(seen: Seen, case: Case) -> Findings:
    """What a local operator hands in runs while the site is still cut off."""
    for round_ in seen.rounds:
        at_ms = round_.at_ms("hand_in")
        if at_ms is None:
            continue
        runs = seen.first(lambda able: any(_of(w, case.spoken) for w in able), at_ms, round_.healed_ms)
        yield (
            None
            if runs is not None
            else f"round {round_.number}: what was handed in did not run before the link was back"
        )


def u5(seen: Seen, case: Case) -> Findings:
    """The last survivor goes on with what may run anywhere, and with the rest if it has the quorum."""
    for round_ in seen.rounds:
        lost = round_.hit("kill", "freeze")
        left = set(case.nodes) - lost
        if len(left) != 1 or not lost:
            continue
        anywhere = [element for element in case.isolated if element != case.once]
        wanted = [*anywhere, *([case.once] if _weight(left, case) * 2 > _weight(set(case.nodes), case) else [])]

        def serves(able: frozenset[Work], wanted: list[str] = wanted, left: set[str] = left) -> bool:
            here = counts(_on(able, left), case.intent)
            return all(here[element] for element in wanted)

        until_ms = min(round_.at_ms("started") or NEVER_MS, round_.at_ms("thawed") or NEVER_MS, round_.healed_ms)
        if until_ms - round_.began_ms < MOVED_MS:
            continue
        at_ms = seen.first(serves, round_.began_ms + STOPPING_MS, until_ms)
        yield (
            None if at_ms is not None else f"round {round_.number}: {_list(left)} alone did not run {', '.join(wanted)}"
        )


def u6(seen: Seen, case: Case) -> Findings:
    """A dead node's work runs elsewhere in seconds, and the client is not sent to the dead."""
    for round_ in seen.rounds:
        lost = round_.hit("kill", "freeze")
        left = set(case.nodes) - lost
        until_ms = min(round_.at_ms("started") or NEVER_MS, round_.at_ms("thawed") or NEVER_MS, round_.healed_ms)
        had = {work for work in seen.at(round_.began_ms) if work.node in lost}
        alone = round_.kinds() <= {"kill", "freeze", "cut", "clock"}
        if not (had and alone and len(left) * 2 > len(case.nodes)) or until_ms - round_.began_ms < MOVED_MS:
            continue
        by_ms = round_.began_ms + MOVED_MS
        moved = any(_filled(_on(span.able, left), case) for span in seen.between(round_.began_ms, by_ms))
        sent = [op for op in seen.ops if round_.began_ms + MOVED_MS < op["t_ms"] < until_ms and op.get("node") in lost]
        if not moved:
            yield f"round {round_.number}: the work of {_list(lost)} did not run elsewhere within {MOVED_MS // 1_000} s"
        elif sent:
            yield f"round {round_.number}: the client was sent to {sent[0]['node']}, which was dead"
        else:
            yield None


def u7(seen: Seen, case: Case) -> Findings:
    """A node whose own way to the manager is out is not taken for dead: what it does, it goes on doing."""
    for round_ in seen.rounds:
        cut_off = round_.hit("uplink")
        if not cut_off or not round_.kinds() <= {"uplink", "cut", "flap", "clock"}:
            continue
        moved = {work for work in _ended(seen, case, round_) if work.node in cut_off}
        silent = all(_still(seen, f"{node}-up", round_) for node in cut_off)
        if not silent:
            yield f"round {round_.number}: frames went up by a cable that was out"
        else:
            yield f"round {round_.number}: {_named(moved)} was taken from a node that lived" if moved else None


RULES: tuple[Callable[[Seen, Case], Findings], ...] = (i2, i4, i6, i7, i9, u1, u2, u3, u4, u5, u6, u7)


def leaked(seen: Seen, case: Case) -> list[str]:
    """Faults that were none: frames passed where a cable was out."""
    found = []
    for round_ in seen.rounds:
        ports = ["manager-up"] if "cut" in round_.kinds() or "blackout" in round_.kinds() else []
        ports += sorted(round_.hit("link"))
        found += [f"round {round_.number}: {port}" for port in ports if not _still(seen, port, round_)]
    return found


def _still(seen: Seen, port: str, round_: Round) -> bool:
    """Whether nothing came in by a port for as long as the round's faults lasted; what goes out of a port that is down
    is not counted by the kernel."""
    return not seen.passed(port, round_.at_ms("broken") or round_.began_ms, round_.mending_ms)


def _ended(seen: Seen, case: Case, round_: Round) -> set[Work]:
    """What both modes want, ran when the round began, and did not run through it until all was settled."""
    wanted = {work for work in seen.at(round_.began_ms) if work.element in case.isolated and _of(work, case.intent)}
    until_ms = round_.at_ms("settled") or round_.at_ms("unsettled") or round_.healed_ms
    return {work for span in seen.between(round_.began_ms, until_ms) for work in wanted - span.there}


def _filled(able: frozenset[Work], case: Case) -> bool:
    found = counts(able, case.intent)
    return all(found[element] >= number for element, number in case.isolated.items())


def _on(works: frozenset[Work], nodes: set[str]) -> frozenset[Work]:
    return frozenset(work for work in works if work.node in nodes)


def _of(work: Work, intent: str) -> bool:
    return work.run.startswith(f"{intent}/")


def _parted_for_good(round_: Round) -> bool:
    """Whether the nodes that are apart were so from the first fault of the round until all was healed."""
    return round_.kinds() & {"split", "link"} != set() and not round_.kinds() & {"freeze", "kill", "blackout", "flap"}


def _without_quorum(round_: Round, case: Case) -> set[str]:
    """Nodes that reach no majority of the roster by weight (X3)."""
    alone, apart = round_.hit("link"), round_.hit("split")
    rest = set(case.nodes) - alone
    parts = [{node} for node in alone] + [rest & apart, rest - apart]
    whole = _weight(set(case.nodes), case)
    return {node for part in parts if _weight(part, case) * 2 <= whole for node in part}


def _weight(nodes: set[str], case: Case) -> int:
    return sum(TIE_BREAKER_WEIGHT if node == case.tie_breaker else WEIGHT for node in nodes)


def _just_thawed(seen: Seen, works: set[Work], from_ms: int, to_ms: int) -> set[Work]:
    """Those of them that run on a machine which stood still until a moment ago, and no longer than it may."""
    return {w for w in works if any(0 <= to_ms - t_ms <= STALLED_MS for t_ms in _thaws(seen, w.node) if t_ms <= to_ms)}


def _thawed_near(seen: Seen, node: str, t_ms: int) -> bool:
    return any(0 <= t_ms - at_ms <= STALLED_MS for at_ms in _thaws(seen, node))


def _thaws(seen: Seen, node: str) -> list[int]:
    return [int(mark["t_ms"]) for mark in seen.marks if mark["what"] == "thawed" and node in mark["nodes"]]


def _named(works: set[Work]) -> str:
    named = sorted(f"{work.run} on {work.node} ({work.pid})" for work in works)
    return ", ".join(named[:SHOWN_MAX]) + (f" and {len(named) - SHOWN_MAX} more" if len(named) > SHOWN_MAX else "")


def _list(nodes: set[str]) -> str:
    return ", ".join(sorted(nodes))
