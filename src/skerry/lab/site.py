"""The verbs of a lab. Each does one thing to processes that really run; the demonstration is a script over them.

A verb that changes the state file holds the lab's lock. `Popen` objects are not kept: what a verb started belongs to
the lab and not to the process that typed the verb.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from skerry.guard.client import GuardClient, GuardError
from skerry.lab import asking, building, carrier, hog, interrupting, networks, processes, slow, state, tampering, wires
from skerry.lab.building import Plan, Tell
from skerry.lab.processes import Found
from skerry.lab.state import LabError, LabState
from skerry.lab.tampering import Changed
from skerry.shell.clock import boot_ms

FREEZE_LOOKS = 2
FROZEN_WITHIN_MS = 5_000
END_WITHIN_MS = 5_000
LOAD_NAME = "load"
AGENT = "skerry.bootstrap.agent"
"""What an agent's command line says."""


def quiet(_: str) -> None:
    """Progress that nobody wants to hear."""


class Lab:
    """One lab, known by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def state(self) -> LabState:
        """As it stands on disk. Raises `LabError`."""
        return state.load(self.folder)

    # ---- up and down ----

    def up(self, plan: Plan, *, agents: bool = True, tell: Tell = quiet) -> None:
        """Start everything and wait for a leader; without `agents`, every node joins and none is started. If it does
        not work, or is interrupted, nothing is left. Raises `LabError`."""
        was_up = (self.folder / state.STATE_FILE).exists()
        try:
            lab = building.prepare(self.folder, plan)
            with state.locked(self.folder):
                if lab.network is None:
                    lab = building.start_relay(self.folder, lab)
                    tell("the relay forwards")
                else:
                    networks.make(self.folder, lab)
                    tell(f"the namespaces {lab.network}-* are joined")
                lab = building.start_manager(self.folder, lab)
                tell(f"the manager answers at https://{lab.manager_api}")
                building.apply(self.folder, lab, plan.catalogue, plan.site_file, *plan.files)
                tell(f"site {lab.site} is known to the manager")
                for guest in lab.guests:
                    lab = building.start_guest(self.folder, lab, guest)
                    building.apply(self.folder, lab, plan.catalogue, guest=guest)
                    building.invite(self.folder, lab, guest)
                    tell(f"the manager {guest} is a guest of site {lab.site}")
                building.join(self.folder, lab, tell, contingency=plan.contingency)
                if agents:
                    lab = self._switch_on(lab)
                    leader = building.until_led(self.folder, lab, list(lab.nodes))["leader"]
                    tell(f"{leader} leads, followed by all {len(lab.nodes)} nodes")
        except BaseException:
            with contextlib.suppress(LabError):  # what could not be prepared left nothing
                if not was_up:
                    self.down(keep_logs=True)
            raise

    def _switch_on(self, lab: LabState) -> LabState:
        """All agents, the first a moment before the others: a site begins with one machine."""
        first, *others = lab.nodes
        lab = building.start_agent(self.folder, lab, first)
        building.until_led(self.folder, lab, [first])
        for name in others:
            lab = building.start_agent(self.folder, lab, name)
        return lab

    def down(self, *, keep_logs: bool = False) -> None:
        """End every process of the lab and remove what it kept. Raises `LabError` if something will not die."""
        with interrupting.undisturbed():
            lab = self.state
            left = processes.end_all(lab.id)
            if lab.memory_folder is not None:
                shutil.rmtree(lab.memory_folder, ignore_errors=True)
            if lab.network is not None:
                try:
                    if keep_logs:
                        networks.keep_records(self.folder, lab.nodes)
                finally:
                    networks.remove(self.folder, lab)
            if left:
                named = "; ".join(f"{one.pid} {one.command[:80]}" for one in left)
                raise LabError(f"these processes outlive SIGKILL: {named}")
            if keep_logs:
                (self.folder / state.STATE_FILE).unlink(missing_ok=True)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the uplink ----

    def cut(self, manager: str | None = None) -> dict[str, Any]:
        """From now on nothing goes to this manager, or to any, or comes from it, and nobody is told. Raises
        `LabError`."""
        lab = self.state
        if lab.network is None:
            return self._relays("cut", manager)
        with _wiring():
            lab.wires.cut()
        return self.uplink()

    def heal(self, manager: str | None = None) -> dict[str, Any]:
        """This manager's uplink forwards again, or all do; in a lab of namespaces, all cables carry everything again.
        Raises `LabError`."""
        lab = self.state
        if lab.network is None:
            return self._relays("heal", manager)
        for name in lab.nodes:
            self.delay(name, 0)
        with _wiring():
            lab.wires.mend()
        return self.uplink()

    def uplink(self) -> dict[str, Any]:
        """Whether it is cut, and the counts of what carries it: the relay, or the wires. Raises `LabError`."""
        lab = self.state
        if lab.network is None:
            return asking.relay(self.folder, "stats")
        with _wiring():
            return {"cut": lab.wires.cut_now(), "bytes": lab.wires.bytes_up()}

    def _relays(self, do: str, manager: str | None) -> dict[str, Any]:
        """Tell one relay something, or all; what the first says, with the counts of all of them."""
        said = [asking.relay(self.folder, do, control) for control in self.state.relays(manager)]
        return {**said[0], **{name: sum(one[name] for one in said) for name in ("open", "bytes_while_cut")}}

    # ---- cables, disks and clocks, where each node has its own (`lab up --netns`) ----

    def link(self, name: str, *, up: bool, uplink: bool = False) -> None:
        """Take a node's cable out, or put it back: that to the site, or its own way to the manager. Raises
        `LabError`."""
        lab = self._of(name)
        with _wiring():
            lab.wires.link(name, up=up, uplink=uplink)

    def split(self, names: Iterable[str]) -> None:
        """These nodes reach each other only, and all others each other only. Raises `LabError`."""
        lab = self._of(*names)
        with _wiring():
            lab.wires.split(names)

    def loss(self, name: str, percent: int) -> None:
        """So many of a node's frames get lost at the site. Raises `LabError`."""
        if not 0 <= percent <= wires.LOSS_PERCENT_MAX:
            raise LabError(f"{percent} percent: expected 0 to {wires.LOSS_PERCENT_MAX}, or `lab link {name} down`")
        lab = self._of(name)
        with _wiring():
            lab.wires.loss(name, percent)

    def rate(self, name: str, bits: int | None) -> None:
        """A node's cable at the site carries so many bits a second; None: all that it can. Raises `LabError`."""
        if bits is not None and bits < wires.RATE_BITS_MIN:
            raise LabError(f"{bits} bits a second: expected {wires.RATE_BITS_MIN} or more")
        lab = self._of(name)
        with _wiring():
            lab.wires.rate(name, bits)

    def delay(self, name: str, delay_ms: int) -> None:
        """A node's frames at the site take so much longer, each way; 0: no longer. Raises `LabError`."""
        if not 0 <= delay_ms <= wires.DELAY_MS_MAX:
            raise LabError(f"{delay_ms} ms: expected 0 to {wires.DELAY_MS_MAX}")
        with state.locked(self.folder), _wiring():
            lab = self._of(name)
            carried_by, known = f"delay {name}", lab.processes.get(f"delay {name}")
            if known is not None:
                processes.send(known.pid, signal.SIGKILL)
                _until_gone(known)
            lab.wires.straight(name)
            pid = None
            if delay_ms:
                argv = [sys.executable, carrier.__file__, *lab.wires.detour(name), str(delay_ms)]
                log, space = self.folder / f"delay-{name}.log", lab.space(wires.SWITCH)
                pid = processes.start(argv, lab=lab.id, cwd=self.folder, log=log, space=space).pid
            if pid is not None or known is not None:
                state.save(self.folder, state.with_process(lab, carried_by, pid))

    def fill(self, name: str, *, full: bool) -> int:
        """Fill a node's disk to the last byte, or give the room back; returns the bytes taken. Raises `LabError`."""
        self._of(name)
        try:
            if full:
                return networks.fill(self.folder, name)
            networks.empty(self.folder, name)
        except OSError as error:
            raise LabError(f"{name}: its disk: {error}") from error
        return 0

    def clock(self, name: str, offset_s: int) -> None:
        """The wall clock of a node's agent is off by so much from now on. Raises `LabError`."""
        if not self._of(name).clocks:
            raise LabError("this lab's clocks cannot be stepped: they can after `skerry lab up --netns --clocks`")
        networks.step_clock(self.folder, name, offset_s)

    def _of(self, *names: str) -> LabState:
        """The lab, if its nodes have cables of their own and these are some of them. Raises `LabError`."""
        lab = self.state
        lab.wires  # noqa: B018 - says clearly that there are none
        for name in names:
            lab.node(name)
        return lab

    # ---- nodes ----

    def freeze(self, name: str) -> int:
        """Stop every process of a node where it stands, the agent first: no socket is closed and nothing is said.
        Returns how many. Raises `LabError`."""
        lab = self.state
        lab.node(name)
        self._end_slow(name)
        frozen: set[int] = set()
        # Until nothing new is found twice, for a process may have been started by one that was not stopped yet; and
        # until all stand still, which one that waits for a busy processor or a disk does not at once.
        quiet, until_ms = 0, boot_ms() + FROZEN_WITHIN_MS
        while quiet < FREEZE_LOOKS and boot_ms() < until_ms:
            there = sorted(processes.found(lab.id, name), key=_leaves_first)
            new = [one.pid for one in there if one.pid not in frozen]
            for pid in new:
                processes.send(pid, signal.SIGSTOP)
            frozen.update(new)
            quiet = quiet + 1 if not new and all(one.state == "T" for one in there) else 0
        if not frozen:
            raise LabError(f"{name}: nothing of it runs; start it with `skerry lab start {name}`")
        return len(frozen)

    def thaw(self, name: str) -> int:
        """Let a frozen node go on: the workloads, then the agent, and the guard last. A machine that wakes up has no
        order, and this is the worst: work whose time is over goes on before the guard can end it, and only its fence
        tells the others. Returns how many. Raises `LabError`."""
        lab = self.state
        lab.node(name)
        thawed: set[int] = set()
        for turn in (_is_work, _is_agent, _is_guard):
            for one in processes.found(lab.id, name):
                if turn(one):
                    processes.send(one.pid, signal.SIGCONT)
                    thawed.add(one.pid)
        if not thawed:
            raise LabError(f"{name}: nothing of it runs; start it with `skerry lab start {name}`")
        return len(thawed)

    def kill(self, name: str) -> None:
        """End every process of a node at once, as a power cut would. Its disk stays. Raises `LabError`."""
        lab = self.state
        lab.node(name)
        self._end_slow(name)
        left = processes.end_all(lab.id, name)
        if left:
            raise LabError(f"{name}: {len(left)} processes outlive SIGKILL")
        with state.locked(self.folder):
            state.save(self.folder, state.with_process(self.state, f"agent {name}", None))

    def start(self, name: str) -> None:
        """Start a node's agent on the disk that it has. Raises `LabError` if it runs."""
        with state.locked(self.folder):
            lab = self.state
            lab.node(name)
            agent = lab.processes.get(f"agent {name}")
            if agent is not None and agent.alive:
                raise LabError(f"{name}: its agent runs already, as process {agent.pid}")
            building.start_agent(self.folder, lab, name)

    def tamper(self, name: str, chain: str, number: int) -> Changed:
        """Change one byte of a node's copy of a journal's entry, on its disk, while its agent is away for a moment; its
        guard and its workloads go on. Raises `LabError`."""
        with state.locked(self.folder):
            lab = self.state
            lab.node(name)
            agent = lab.processes.get(f"agent {name}")
            if agent is None or not agent.alive:
                raise LabError(f"{name}: its agent does not run; start it with `skerry lab start {name}`")
            processes.send(agent.pid, signal.SIGKILL)
            _until_gone(agent)
            try:
                return tampering.change(self.folder / name, chain, number)
            finally:
                building.start_agent(self.folder, lab, name)

    def slow(self, name: str, factor: float | None) -> None:
        """Make the workloads of a node so many times slower; None: no longer. Raises `LabError`."""
        if factor is not None and not slow.FACTOR_MIN <= factor <= slow.FACTOR_MAX:
            raise LabError(f"--factor {factor:g}: expected {slow.FACTOR_MIN:g} to {slow.FACTOR_MAX:g}")
        self.state.node(name)
        self._end_slow(name)
        if factor is None:
            return
        with state.locked(self.folder):
            lab = self.state
            argv = [sys.executable, "-m", slow.__name__, "--folder", str(self.folder / name), "--factor", str(factor)]
            log = self.folder / f"slow-{name}.log"
            process = processes.start(argv, lab=lab.id, cwd=self.folder, log=log)
            state.save(self.folder, state.with_process(lab, f"slow {name}", process.pid))

    def _end_slow(self, name: str) -> None:
        with state.locked(self.folder):
            lab = self.state
            process = lab.processes.get(f"slow {name}")
            if process is None:
                return
            if process.alive:
                _end(process)
            state.save(self.folder, state.with_process(lab, f"slow {name}", None))

    def load(self, name: str, memory_bytes: int | None) -> None:
        """Let the owner of a node's machine take memory of it; None: give it back. Raises `LabError`."""
        lab = self.state
        lab.node(name)
        home = self.folder / name
        try:
            with GuardClient(str(home)) as guard:
                running = {workload["name"] for workload in guard.ask("list")["workloads"]}
                if LOAD_NAME in running:
                    guard.ask("stop", name=LOAD_NAME, within_ms=1_000)
                if memory_bytes is not None:
                    guard.ask("start", **self._load_order(lab, name, memory_bytes))
        except GuardError as error:
            raise LabError(f"{name}: {error}; is its agent running?") from error

    def _load_order(self, lab: LabState, name: str, memory_bytes: int) -> dict[str, Any]:
        return {
            "name": LOAD_NAME,
            "owner": True,
            "argv": [sys.executable, "-m", hog.__name__, str(memory_bytes)],
            "env": {
                "PYTHONPATH": processes.home(),
                processes.LAB_VARIABLE: lab.id,
                processes.NODE_VARIABLE: name,
            },
            "cwd": str(self.folder / name),
            "log": str(self.folder / name / "load.log"),
        }

    # ---- seeing ----

    def api(self, name: str) -> asking.Api:
        """A node's public API, asked as the operator. Raises `LabError`."""
        place = self.state.node(name)
        return asking.Api(place.api, asking.context(building.operator(self.folder)), place.space)

    def manager(self) -> asking.Api:
        """The manager's public API by its own address, asked as the operator. Raises `LabError`."""
        return building.ask_manager(self.folder, self.state)

    def status(self) -> dict[str, Any]:
        """All that `skerry lab status` shows. Raises `LabError`."""
        lab = self.state
        found = processes.found(lab.id)
        nodes = {name: self._node_status(lab, name, [f for f in found if f.node == name]) for name in lab.nodes}
        return {
            "folder": str(self.folder),
            "site": lab.site,
            "network": lab.network,
            "uplink": self.uplink(),
            "manager": {
                "api": f"https://{lab.manager_api}",
                "runs": "manager" in lab.processes and lab.processes["manager"].alive,
            },
            "guests": {name: self._guest_status(lab, name) for name in lab.guests},
            "nodes": nodes,
        }

    def _guest_status(self, lab: LabState, name: str) -> dict[str, Any]:
        process = lab.processes.get(f"manager {name}")
        return {
            "api": f"https://{lab.guests[name].api}",
            "runs": process is not None and process.alive,
            "cut": asking.relay(self.folder, "stats", state.relay_socket(name))["cut"],
        }

    def _node_status(self, lab: LabState, name: str, found: list[Found]) -> dict[str, Any]:
        stopped = [one for one in found if one.state == "T"]
        slowed = lab.processes.get(f"slow {name}")
        agent = lab.processes.get(f"agent {name}")
        frozen = any(one.pid == agent.pid for one in stopped) if agent is not None else False
        row: dict[str, Any] = {
            "api": f"https://{lab.node(name).api}",
            "state": "off" if not found else "frozen" if frozen else "runs" if agent and agent.alive else "no agent",
            "processes": len(found),
            "slowed": slowed is not None and slowed.alive,
            "status": None,
        }
        if row["state"] == "runs":
            with contextlib.suppress(asking.Unanswered):  # a node that does not answer is shown without its word
                row["status"] = self.api(name).get("/v1/status", 2)
        return row


@contextlib.contextmanager
def _wiring() -> Iterator[None]:
    """What the system's tools refuse is told as what a verb could not do."""
    try:
        yield
    except wires.WiresError as error:
        raise LabError(str(error)) from error


def _leaves_first(one: Found) -> int:
    """Freezing: the agent, then the guard, then the workloads, so that nobody sees another stop."""
    return 0 if _is_agent(one) else 1 if _is_guard(one) else 2


def _is_agent(one: Found) -> bool:
    return AGENT in one.command


def _is_guard(one: Found) -> bool:
    return "skerry.guard" in one.command


def _is_work(one: Found) -> bool:
    return not (_is_agent(one) or _is_guard(one))


def _end(process: state.Process) -> None:
    """Ask it to end, so that it can tidy up; after five seconds, no more asking."""
    processes.send(process.pid, signal.SIGTERM)
    _until_gone(process)
    processes.send(process.pid, signal.SIGKILL)


def _until_gone(process: state.Process) -> None:
    until_ms = boot_ms() + END_WITHIN_MS
    while process.alive and boot_ms() < until_ms:
        time.sleep(0.01)
