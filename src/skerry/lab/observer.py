"""Watches a lab from outside, stamps what it sees by its own clock, and works out the figures. Knows no code of Skerry.

    python observer.py SETTINGS.json        {"lab", "nodes": {name: "host:port"}, "identity", "client_log",
                                             "record", "manager", "manager_ports", "faulty_after_ms"}

It sees processes come and go (`/proc`, by the lab's mark in their environment), connections to the manager's own ports,
the client's log as it grows, and the public event streams of nodes and manager. Each goes to `record` as a line of JSON
with `t_ms`, the boot-time at which this process saw it. Commands come on standard input, one a line, each answered in a
line of JSON: `mark NAME {json}` stamps a moment (a fault has "fault": true and the node that it hits; one that lasts is
over when a mark "ends" it), `figures` works out what is known by now.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import select
import ssl
import sys
import threading
import time
from typing import Any

TICK_S = 0.02
YOUNG_MS = 500
"""A process younger than this may still show the environment of the one that started it."""
LEFT_ALONE_MS = 700
"""How much later than a process's end the word about it may come."""
SWITCH_MS, NEVER_MS = 1_000, 60_000
ABOUT_A_LIFE = ("role.starting", "role.active", "role.draining", "role.stopping", "role.stopped")

Record = dict[str, Any]


def now_ms() -> int:
    """Boot-time."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def read(path: str) -> bytes:
    """A file of `/proc`; empty if its process is gone."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


class Observer:
    """Collects records; one thread per stream, everything else in the main loop."""

    def __init__(self, settings: Record) -> None:
        self.settings = settings
        self.records: list[Record] = []
        self._lock = threading.Lock()
        self._file = open(settings["record"], "a", encoding="utf-8")  # noqa: SIM115 - open for as long as this runs
        self._log_at, self._log_rest = 0, b""
        self._pids: dict[int, tuple[int, Record]] = {}
        self._memory, self._leaks = dict[str, int](), set[str]()
        self._tls = ssl.create_default_context(cafile=f"{settings['identity']}/ca.pem")
        self._tls.check_hostname = False
        self._tls.load_cert_chain(f"{settings['identity']}/cert.pem", f"{settings['identity']}/key.pem")

    def add(self, kind: str, **what: Any) -> Record:
        """Stamp and keep something that was seen."""
        record = {"t_ms": now_ms(), "kind": kind, **what}
        with self._lock:
            self.records.append(record)
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
        return record

    def run(self) -> None:
        """Watch until standard input ends."""
        for node, address in {**self.settings["nodes"], "": self.settings["manager"]}.items():
            threading.Thread(target=self._follow, args=(node, address), daemon=True).start()
        waiting, tick = b"", 0
        while True:
            if select.select([0], [], [], TICK_S)[0]:
                said = os.read(0, 65_536)
                if not said:
                    return
                *lines, waiting = (waiting + said).split(b"\n")
                for line in lines:
                    print(json.dumps(self._command(line.decode())), flush=True)  # noqa: T201 - the answer
            for every, look in ((1, self._tail), (5, self._processes), (10, self._sockets), (50, self._weigh)):
                if tick % every == 0:
                    look()
            tick += 1

    def _command(self, line: str) -> Record:
        word, _, rest = line.partition(" ")
        if word == "mark":
            name, _, data = rest.partition(" ")
            return self.add("mark", name=name, **json.loads(data or "{}"))
        self._tail()
        with self._lock:
            figures = Figures(list(self.records), self.settings).all()
        pss_mib = -(-max(self._memory.values(), default=0) // 1024)
        return {**figures, "agent_pss_mib_max": pss_mib, "uplink_leaks": len(self._leaks), "leaks": sorted(self._leaks)}

    def _follow(self, node: str, address: str) -> None:
        """One node's public stream, for as long as there is one; after a break from the start, the known left out."""
        known: set[tuple[int, int]] = set()
        while True:
            try:
                connection = http.client.HTTPSConnection(address, context=self._tls)
                connection.request("GET", "/v1/events?after=0&follow=true")
                answer = connection.getresponse()
                while line := answer.readline():
                    event = json.loads(line)
                    if (place := (event["number"], event["atMs"])) not in known:
                        known.add(place)
                        self.add("event", node=node, what=event["what"], about=event["about"], data=event["data"])
            except (OSError, http.client.HTTPException, ValueError):
                pass  # it is off or not up yet: tried again
            time.sleep(5 * TICK_S)

    def _tail(self) -> None:
        try:
            with open(self.settings["client_log"], "rb") as log:
                log.seek(self._log_at)
                added = log.read()
        except OSError:
            return  # no client yet
        self._log_at += len(added)
        *lines, self._log_rest = (self._log_rest + added).split(b"\n")
        for line in lines:
            self.add(**{"kind": "op", **json.loads(line)})

    def _processes(self) -> None:
        here = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in here:
            since_ms, found = self._pids.setdefault(pid, (now_ms(), {}))
            if now_ms() - since_ms < YOUNG_MS and not found.get("run"):
                found = self._look(pid)
                self._pids[pid] = (since_ms, found)
                if found.get("run"):
                    self.add("start", pid=pid, **found)
        for pid, (_, found) in list(self._pids.items()):
            if found.get("run") and read(f"/proc/{pid}/stat").rpartition(b")")[2][1:2] in (b"", b"Z"):
                self.add("end", pid=pid, **found)
                self._pids[pid] = (0, {})  # it is not looked at again, even if nobody takes note of its end
            if pid not in here:
                del self._pids[pid]

    def _look(self, pid: int) -> Record:
        """What a process of the lab is, by the environment that it was started with; empty for any other."""
        environment = read(f"/proc/{pid}/environ").decode("utf-8", "replace")
        variables = dict(variable.partition("=")[::2] for variable in environment.split("\0"))
        if variables.get("SKERRY_LAB") != self.settings["lab"]:
            return {}
        kind, _, run = variables.get("SKERRY_GUARD_NAME", "").partition(":")
        return {"node": variables.get("SKERRY_LAB_NODE", ""), "run": run if kind == "run" else ""}

    def _sockets(self) -> None:
        """Connections to the manager's own ports that a node's process holds: there may be none, cut or not."""
        ports = {f"{port:04X}" for port in self.settings["manager_ports"]}
        rows = [row.split() for row in read("/proc/net/tcp").decode().splitlines()[1:]]
        inodes = {row[9] for row in rows if row[2].rpartition(":")[2] in ports and row[9] != "0"}
        for pid, node in self._nodes().items() if inodes else ():
            try:
                links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            except OSError:
                continue  # it ended
            self._leaks |= {f"{node} {pid} {inode}" for inode in inodes if f"socket:[{inode}]" in links}

    def _weigh(self) -> None:
        for pid, node in self._nodes().items():
            if b"skerry.bootstrap.agent" in read(f"/proc/{pid}/cmdline"):
                share = re.search(rb"^Pss: *(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.MULTILINE)
                self._memory[node] = max(self._memory.get(node, 0), int(share[1]) if share else 0)

    def _nodes(self) -> dict[int, str]:
        return {pid: found["node"] for pid, (_, found) in self._pids.items() if found.get("node")}


class Figures:
    """What the records come to. All times in milliseconds, from the fault; None where it was not seen."""

    def __init__(self, records: list[Record], settings: Record) -> None:
        self.ops, self.marks, self.events, self.starts, self.ends, self.late = (
            [r for r in records if r["kind"] == kind] for kind in ("op", "mark", "event", "start", "end", "late")
        )
        self.first = {mark["name"]: mark for mark in reversed(self.marks)}
        self.after_ms = settings["faulty_after_ms"]
        self.nodes = list(settings["nodes"])

    def all(self) -> Record:
        """Every figure that this observer is the source of; one that was not seen is None or left out."""
        restarts = sum(self._restarted(end) for end in self.ends)
        return {**self._client(), **self._switch(), **self._losses(), **self._healed(), "healthy_restarts": restarts}

    def _seen(self, what: str, after_ms: int, **fields: str) -> list[Record]:
        """Events from a moment on, oldest first."""
        later = [e for e in self.events if e["what"] == what and e["t_ms"] >= after_ms]
        return [e for e in later if all(e[key] == value for key, value in fields.items())]

    def _hit(self, node: str, t_ms: int) -> bool:
        return any(m.get("node") == node and m.get("fault") and m["t_ms"] <= t_ms for m in self.marks)

    def _client(self) -> Record:
        fine, failed = ([op for op in self.ops if op["ok"] is wanted] for wanted in (True, False))
        ends = {m["ends"]: m["t_ms"] for m in self.marks if "ends" in m}
        faults = [(m["t_ms"], ends.get(m["name"], m["t_ms"]) + self.after_ms) for m in self.marks if m.get("fault")]
        alone = [op for op in failed if not any(begun <= op["t_ms"] <= over for begun, over in faults)]
        gaps = [b["t_ms"] - a["t_ms"] for a, b in itertools.pairwise(fine)]
        highest, first_ms, overlap_ms = -1, 0, 0
        for op in fine:
            fence = highest if op["fence"] is None else op["fence"]
            if fence > highest:
                highest, first_ms = fence, op["t_ms"]
            elif fence < highest:
                overlap_ms = max(overlap_ms, op["t_ms"] - first_ms)
        return {
            "client_requests": len(self.ops),
            "client_failures": len(failed),
            "client_failures_without_fault": len(alone),
            "client_wrong_answers": sum(op["error"] == "wrong content" for op in self.ops),
            "late_answers": sum(op["error"] == "late" for op in self.ops) + len(self.late),
            "client_longest_gap_ms": max(gaps, default=None),
            "run_once_overlap_ms": overlap_ms,
        }

    def _switch(self) -> Record:
        cut = self.first.get("cut")
        declared = self._seen("mode.isolated", cut["t_ms"]) if cut else []
        if not cut or not declared:
            return {}
        begun_ms = ended_ms = ordered_ms = declared[0]["t_ms"]
        for what, done in (("role.starting", "role.active"), ("role.stopping", "role.stopped")):
            for order in self._seen(what, begun_ms - SWITCH_MS // 10):
                if order["t_ms"] <= begun_ms + SWITCH_MS:
                    ordered_ms = max(ordered_ms, order["t_ms"])
                    ends = self._seen(done, order["t_ms"], node=order["node"], about=order["about"])
                    ended_ms = max(ended_ms, ends[0]["t_ms"] if ends else begun_ms + NEVER_MS)
        return {
            "cut_to_isolated_plan_ms": ended_ms - cut["t_ms"],
            "switched_ms": ended_ms - begun_ms,
            "switched_without_start_up_ms": ordered_ms - begun_ms,
        }

    def _losses(self) -> Record:
        took: dict[bool, list[int]] = {True: [], False: []}
        for loss in [self.first[name] for name in ("leader_frozen", "reporter_frozen") if name in self.first]:
            for run, fenced in self._ran_on(loss["node"], loss["t_ms"]).items():
                there = [e for e in self._seen("role.active", loss["t_ms"], about=run) if e["node"] != loss["node"]]
                took[fenced].append(there[0]["t_ms"] - loss["t_ms"] if there else NEVER_MS)
        return {
            "leader_lost_to_new_leader_ms": self._new_leader(),
            "node_lost_to_role_active_ms": max(took[False], default=None),
            "run_once_lost_to_active_ms": max(took[True], default=None),
        }

    def _ran_on(self, node: str, t_ms: int) -> dict[str, bool]:
        """Instances that ran there at that moment, and whether each had a fence."""
        ended = {end["pid"] for end in self.ends if end["t_ms"] < t_ms}
        runs = {s["run"] for s in self.starts if s["node"] == node and s["t_ms"] < t_ms and s["pid"] not in ended}
        active = {e["about"]: e for e in self._seen("role.active", 0, node=node) if e["t_ms"] < t_ms}
        return {run: active[run]["data"].get("fence") is not None for run in runs & set(active)}

    def _new_leader(self) -> int | None:
        """Until every node that no fault hit follows one and the same other leader."""
        lost_ms: int = self.first.get("leader_frozen", {"t_ms": sys.maxsize})["t_ms"]
        healthy, follows = {node for node in self.nodes if not self._hit(node, lost_ms)}, dict[str, str]()
        for event in self._seen("leader.followed", lost_ms):
            if event["node"] in healthy:
                follows[event["node"]] = event["about"]
            if set(follows) == healthy and len(set(follows.values())) == 1:
                return int(event["t_ms"]) - lost_ms
        return None

    def _healed(self) -> Record:
        """Until every node in contact has the first word that the manager says of each intent after the healing."""
        healed, words = self.first.get("healed"), dict[str, tuple[str, int]]()
        for said in self._seen("manager.says", healed["t_ms"]) if healed else ():
            if said["about"].startswith("verdict/"):
                words.setdefault(said["about"].rpartition("/")[0], (said["about"], said["data"]["version"][0]))
        if not healed or not words:
            return {}
        last_ms = 0
        for (name, number), node in itertools.product(words.values(), healed["nodes"]):
            taken = self._seen("document.taken", healed["t_ms"], node=node, about=name)
            at_ms = [e["t_ms"] for e in taken if e["data"]["version"][0] >= number]
            last_ms = max(last_ms, at_ms[0] if at_ms else healed["t_ms"] + NEVER_MS)
        return {"healed_to_agreed_ms": last_ms - healed["t_ms"]}

    def _restarted(self, end: Record) -> bool:
        """Whether a process ended though nobody on its node had said that it was to, where no fault had hit."""
        mine = [e for e in self.events if (e["node"], e["about"]) == (end["node"], end["run"])]
        words = [e["what"] for e in mine if e["t_ms"] <= end["t_ms"] + LEFT_ALONE_MS and e["what"] in ABOUT_A_LIFE]
        wanted = words[-1:] in (["role.stopping"], ["role.stopped"])
        return not (wanted or self._hit(end["node"], end["t_ms"]))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        Observer(json.load(file)).run()
