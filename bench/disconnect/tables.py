"""The page's tables, from the samples: median and worst of every phase, and what each costs at rest. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bench.disconnect.sample import Case, Sample

NONE = "–"


class Column(NamedTuple):
    """One figure."""

    name: str
    title: str
    shown: Callable[[float], str]


def _seconds(value_ms: float) -> str:
    return f"{value_ms / 1_000:.2f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _kb(value: float) -> str:
    return f"{value / 1e3:,.0f}"


def _mb(value: float) -> str:
    return f"{value / 1e6:,.1f}"


NODE = (
    Column("node_noticed_ms", "loss noticed, s", _seconds),
    Column("new_leader_ms", "new leader, s", _seconds),
    Column("anywhere_served_ms", "role served again, s", _seconds),
    Column("once_served_ms", "run-once role served again, s", _seconds),
    Column("once_double_ms", "two copies of it, ms", _whole),
    Column("node_agrees_ms", "cable back → all agree, s", _seconds),
)
UPLINK = (
    Column("uplink_noticed_ms", "cut noticed, s", _seconds),
    Column("isolated_plan_ms", "isolated plan in force, s", _seconds),
    Column("uplink_agrees_ms", "link back → both sides agree, s", _seconds),
    Column("uplink_until_settled_bytes", "uplink: joining to first plan, KB", _kb),
    Column("uplink_while_cut_bytes", "sent while cut, KB", _kb),
    Column("uplink_until_agreed_bytes", "link back to agreed, KB", _kb),
)
REST = (
    Column("memory_mib", "memory a node, MiB", _whole),
    Column("lan_bytes_an_hour", "LAN a node and idle hour, MB", _mb),
    Column("uplink_bytes_an_hour", "uplink a site and idle hour, KB", _kb),
)


def page(kept: list[Sample]) -> str:
    """Markdown: one table for each size of a site and kind of cut, and one of what all cost at rest."""
    parts = []
    for nodes in sorted({one.case.nodes for one in kept}):
        here = [one for one in kept if one.case.nodes == nodes]
        trials = [one for one in here if one.part == "trial"]
        parts += _table(f"A node's cable is out, {nodes} nodes", trials, NODE)
        parts += _table(f"The uplink is cut, {nodes} nodes", trials, UPLINK)
        parts += _table(f"At rest, {nodes} nodes", [one for one in here if one.part == "rest"], REST)
    return "\n".join(parts)


def _table(title: str, kept: list[Sample], columns: tuple[Column, ...]) -> list[str]:
    """Nothing if nobody has any of these figures."""
    names = {column.name for column in columns}
    kept = [one for one in kept if one.failed or names & one.figures.keys()]
    cases = [case for case in _in_order(kept) if any(not one.failed for one in kept if one.case == case)]
    if not cases:
        return []
    head = ["system", *(column.title for column in columns), "n", "load"]
    lines = [f"### {title}", "", _row(head), _row("---" for _ in head)]
    for case in cases:
        mine = [one for one in kept if one.case == case]
        fine = [one for one in mine if not one.failed]
        failed = len(mine) - len(fine)
        named = f"{case.system} {fine[-1].version}, {case.setting}"
        cells = [_cell([v for one in fine for v in one.figures.get(column.name, ())], column) for column in columns]
        count = f"{len(fine)} and {failed} failed" if failed else f"{len(fine)}"
        loads = [one.load for one in mine]
        lines.append(_row([named, *cells, count, f"{min(loads):.1f}–{max(loads):.1f}"]))
    return [*lines, ""]


def _in_order(kept: Iterable[Sample]) -> list[Case]:
    """Ours first, the others by name."""
    return sorted({one.case for one in kept}, key=lambda case: (case.system != "skerry", case))


def _cell(values: list[float], column: Column) -> str:
    if not values:
        return NONE
    return f"{column.shown(statistics.median(values))} / {column.shown(max(values))}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
