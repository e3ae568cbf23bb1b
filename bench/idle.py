"""What a site costs when nothing happens: CPU, memory, bytes between the nodes and to the manager.

Five nodes and their manager, at the shipped timers: first without any intent, then with the example, which nobody uses.
CPU is what the kernel counted of each agent and guard. Bytes between the nodes are those of the agents' own
connections: what TCP carried, sent and received; and beside it what went out on the wire, headers and confirmations
included. Bytes to the manager are those that passed the lab's relay, both ways together.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import resting
from bench.figures import Figure, at_most
from skerry.lab import processes
from skerry.lab.site import AGENT, Lab
from skerry.shell.clock import boot_ms

REST_FIRST_S = 40.0
"""After a change, before anything is counted: lists are told, fits are measured, verdicts are given."""
SHORT_S = 180.0
SEGMENT_BYTES = 66
"""What Ethernet, IPv4 and TCP with time stamps put around each segment."""
MIB = 1024 * 1024
_PID = re.compile(r"pid=(\d+)")


class Wire(NamedTuple):
    """One connection's counts so far, at one end."""

    sent: int
    received: int
    segments_sent: int


class Look(NamedTuple):
    """What was counted of one lab until one moment."""

    at_s: float
    agents: dict[str, int]
    """To each node the CPU ticks of its agent."""
    guards: dict[str, int]
    wires: dict[str, dict[str, Wire]]
    """To each node its fabric connections."""
    relayed: int


def measure(idle_minutes: float) -> list[Figure]:
    """Both labs' worth; takes the given minutes, and some ten more."""
    short_s = min(SHORT_S, idle_minutes * 60)
    with resting.lab() as lab:
        empty = _window(lab, short_s)
        resting.set_grace(lab, "100s")
        patient = _window(lab, short_s)
        resting.set_grace(lab, "10s")
        resting.apply_example(lab)
        example = _window(lab, idle_minutes * 60)
        memory = _memory(lab)
    return [
        *_of("idle_without_intent", *empty),
        _uplink("idle_uplink_kb_per_hour_at_10_s_grace", *empty, most=400),
        _uplink("idle_uplink_kb_per_hour_at_100_s_grace", *patient, most=40),
        *_of("idle_with_example", *example),
        _uplink("idle_with_example_uplink_kb_per_hour", *example, most=None),
        *memory,
    ]


def _window(lab: Lab, for_s: float) -> tuple[Look, Look]:
    time.sleep(min(REST_FIRST_S, for_s))
    before = _look(lab)
    time.sleep(for_s)
    return before, _look(lab)


def _of(what: str, before: Look, after: Look) -> list[Figure]:
    """The figures of one window, each with a value a node."""
    hours = (after.at_s - before.at_s) / 3600
    figures = [
        Figure(f"{what}_agent_cpu_percent", _percent(before.agents, after.agents, hours), at_most(1)),
        Figure(f"{what}_guard_cpu_percent", _percent(before.guards, after.guards, hours)),
    ]
    if not after.wires:
        why = "ss (of iproute2) is not there"
        return [*figures, Figure(f"{what}_lan_mb_per_hour", (), at_most(20), why)]
    both, wire = [], []
    for node, wires in after.wires.items():
        grown = [_grown(one, before.wires[node].get(name)) for name, one in wires.items()]
        both.append(sum(one.sent + one.received for one in grown) / hours / 1e6)
        wire.append(sum(one.sent + one.segments_sent * SEGMENT_BYTES for one in grown) / hours / 1e6)
    return [
        *figures,
        Figure(f"{what}_lan_mb_per_hour", tuple(both), at_most(20)),
        Figure(f"{what}_lan_sent_with_headers_mb_per_hour", tuple(wire)),
    ]


def _uplink(name: str, before: Look, after: Look, most: int | None) -> Figure:
    hours = (after.at_s - before.at_s) / 3600
    goal = at_most(most) if most is not None else None
    return Figure(name, ((after.relayed - before.relayed) / hours / 1000,), goal)


def _percent(before: dict[str, int], after: dict[str, int], hours: float) -> tuple[float, ...]:
    ticks = hours * 3600 * os.sysconf("SC_CLK_TCK")
    return tuple(100 * (after[node] - before.get(node, 0)) / ticks for node in after)


def _grown(now: Wire, before: Wire | None) -> Wire:
    return now if before is None else Wire(*(a - b for a, b in zip(now, before, strict=True)))


# --- what is counted --------------------------------------------------------------------------------------------------


def _look(lab: Lab) -> Look:
    pids = dict(_pids(lab, AGENT))
    return Look(
        at_s=boot_ms() / 1000,
        agents={node: _ticks(pid) for node, pid in pids.items()},
        guards={node: _ticks(pid) for node, pid in _pids(lab, "skerry.guard")},
        wires=_wires(lab, pids) if shutil.which("ss") else {},
        relayed=lab.uplink()["bytes"],
    )


def _pids(lab: Lab, command: str) -> Iterator[tuple[str, int]]:
    for one in processes.found(lab.state.id):
        if command in one.command and one.node and not one.instance:
            yield one.node, one.pid


def _ticks(pid: int) -> int:
    """Its own, without children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _wires(lab: Lab, pids: dict[str, int]) -> dict[str, dict[str, Wire]]:
    ports = {place.fabric_port for place in lab.state.nodes.values()}
    nodes = {pid: node for node, pid in pids.items()}
    listed = subprocess.run(["ss", "-tinpHO"], capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, Wire]] = {node: {} for node in pids}
    for line in listed.splitlines():
        owner, words = _PID.search(line), line.split()
        node = nodes.get(int(owner[1])) if owner is not None else None
        near, far = words[3], words[4]
        if node is not None and ports & {_port(near), _port(far)}:
            counts = (_count(line, name) for name in ("bytes_sent", "bytes_received", "segs_out"))
            found[node][f"{near} {far}"] = Wire(*counts)
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _count(line: str, name: str) -> int:
    found = re.search(rf"\b{name}:(\d+)", line)
    return int(found[1]) if found is not None else 0


def _memory(lab: Lab) -> list[Figure]:
    agents = {node: _pss_mib(pid) for node, pid in _pids(lab, AGENT)}
    both = tuple(agents[node] + _pss_mib(pid) for node, pid in _pids(lab, "skerry.guard"))
    return [
        Figure("agent_pss_mib", tuple(agents.values()), at_most(48)),
        Figure("agent_and_guard_pss_mib", both, at_most(58)),
    ]


def _pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / MIB
