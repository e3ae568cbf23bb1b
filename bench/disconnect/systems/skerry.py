"""Skerry, in a lab of namespaces: the uplink is cut; while it is, the node that leads and holds the roles is cut off
from the site; its cable is put back; the uplink comes back.

Its nodes' own word is heard on their public event streams and stamped as it arrives. A site is made anew for each
trial: with each flap it waits longer (M2), as it should, and a trial would change the next.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from bench.disconnect import watching
from bench.disconnect.beside import Beside
from bench.disconnect.clients import Clients
from bench.disconnect.clients import http as asked
from bench.disconnect.sightings import Kind, Record, double_ms, first_ms, served_again_ms
from bench.disconnect.systems.base import OUTSIDE, Failed, Figures, command, pause, until
from skerry import __version__
from skerry.lab import asking, building, profiles, wires
from skerry.lab.building import Plan
from skerry.lab.site import AGENT, Lab
from skerry.lab.state import LabError
from skerry.shell.clock import boot_ms

HERE = Path(__file__).parent
SITE = """apiVersion: skerry/v1
kind: Site
metadata: {{name: bench, labels: {{type: bench}}}}
spec: {{governance: small-site{more}}}
"""
MORE = {"defaults": "", "tuned": ", uplink: {lostAfter: 2s, backAfter: 3s}, runOnceLease: 1s"}
ROLES = ("anywhere", "once")
"""Each is offered by an intent of the same name."""
ELEMENTS = 4
KNOWN_NODES = 3
"""How many nodes clients ask for the way."""
LOOK_UP_S = 0.05
QUIET_S = 5.0
"""For so long the plan must not have changed before anything is cut."""
UP_WITHIN_S, UP_WITHIN_A_NODE_S = 120.0, 15.0
OVER_WITHIN_S = 60.0
HOLD_S = 3.0
"""After all is served again and before it is mended: time for a second copy to show itself."""


class Skerry:
    """See the module."""

    name: ClassVar[str] = "skerry"
    packages: ClassVar[Mapping[str, str]] = {"ip": "iproute2"}
    settings: ClassVar[tuple[str, ...]] = ("defaults", "tuned")
    nodes: ClassVar[tuple[int, ...]] = (3, 5, 24)
    afresh: ClassVar[bool] = True

    def __init__(self, setting: str, nodes: int) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="disconnect-", dir=profiles.disk()))
        self._lab = Lab(self._home / "lab")
        self._more = MORE[setting]
        self._count = nodes
        self._settled_bytes = 0
        self._endpoints: dict[str, set[tuple[str, int]]] = {role: set() for role in ROLES}

    def version(self) -> str:
        """Its own word for it."""
        return __version__

    # ---- up and down ----

    def up(self) -> None:
        """Start it and wait until it has settled. Raises `Failed`."""
        site = self._home / "site.yaml"
        site.write_text(SITE.format(more=self._more))
        plan = Plan(nodes=self._count, site_file=site, catalogue=HERE / "skerry_catalogue.yaml", netns=True)
        try:
            self._lab.up(plan)
            building.apply(self._lab.folder, self._lab.state, HERE / "skerry_intents.yaml")
        except LabError as error:
            raise Failed(str(error)) from error
        within_s = UP_WITHIN_S + UP_WITHIN_A_NODE_S * self._count
        until("every node has measured itself", self._measured, within_s, 1.0)
        self._quiet(within_s)
        self._settled_bytes = self._uplink_bytes()
        until("who holds the roles leads", self._holder_leads, within_s, 1.0)
        self._quiet(within_s)

    def down(self) -> None:
        """Take everything away."""
        with contextlib.suppress(LabError):  # it never came up, and left nothing
            self._lab.down()
        shutil.rmtree(self._home, ignore_errors=True)

    def _measured(self) -> bool:
        rows = self._get(self._names[0], "/v1/fits")["rows"]
        told = {(row["node"], row["element"]) for row in rows if row["configurations"]}
        return len(told) == ELEMENTS * self._count

    def _quiet(self, within_s: float) -> None:
        """Wait until the plan has stayed what it is for a while. Raises `Failed`."""
        last, since_ms = "", boot_ms()

        def stays() -> bool:
            nonlocal last, since_ms
            now = str(self._get(self._names[0], "/v1/status")["plan"])
            if now != last:
                last, since_ms = now, boot_ms()
            return boot_ms() - since_ms >= QUIET_S * 1_000 and self._agreed(satisfied=True)

        until("the plan stays", stays, within_s, 0.5)

    def _holder_leads(self) -> bool:
        """Whether one node leads and holds the roles, as the scenario has it; else that one is asked to lead."""
        status, folder = self._get(self._names[0], "/v1/status"), self._lab.folder
        roles = {role["element"]: role["assigned"] for one in status["functionalities"] for role in one["roles"]}
        (holder,) = roles[ROLES[-1]].values()
        if status["leader"] == holder:
            return True
        at = self._lab.state.node(status["leader"]).api
        words = ("hand-over", holder, "--server", f"https://{at}", "--identity", building.operator(folder))
        with contextlib.suppress(LabError):  # it could not take over yet, and is asked again
            asking.skerry(self._lab.state.id, *words, cwd=folder, space=self._lab.state.space(wires.DESK))
        return False

    # ---- asking it ----

    @property
    def _names(self) -> list[str]:
        return list(self._lab.state.nodes)

    def _get(self, node: str, path: str, within_s: float = 2.0) -> Any:
        try:
            context = asking.context(building.operator(self._lab.folder))
            place = self._lab.state.node(node)
            return asking.Api(place.api, context, self._lab.state.space(wires.DESK)).get(path, within_s)
        except (asking.Unanswered, LabError) as error:
            raise Failed(str(error)) from error

    def _agreed(self, *, satisfied: bool = False) -> bool:
        """Whether all nodes follow one leader with one plan, the manager has that plan, and every node has its verdict
        on it; if asked for, also whether no node is isolated and all that is wanted runs and was measured."""
        try:
            site = self._lab.manager().get(f"/v1/sites/{self._lab.state.site}", 1.0)
        except (asking.Unanswered, LabError) as error:
            raise Failed(str(error)) from error
        first = None
        for node in self._names:
            status = self._get(node, "/v1/status", 1.0)
            said = (status["leader"], status["plan"])
            first = first or said
            if said != first or status["plan"] != site["plan"] or len(status["functionalities"]) != len(ROLES):
                return False
            for one in status["functionalities"]:
                if satisfied and one["mode"] != "connected":
                    return False
                if one["verdict"] in (None, "temporary") or (satisfied and one["state"] != "satisfied"):
                    return False
        return True

    # ---- a trial ----

    def trial(self, wait_ms: int) -> Figures:
        """Cut the uplink; cut off the leader; mend both. Raises `Failed`."""
        record, found = Record(), Figures(uplink_until_settled_bytes=[self._settled_bytes])
        victim = str(self._get(self._names[0], "/v1/status")["leader"])
        others = [node for node in self._names if node != victim]
        with _Streams(self._lab, record), watching.Processes(record, self._look):
            finding = _Finding(self._lab, others[:KNOWN_NODES], self._endpoints)
            asks = [lambda role=role: self._ask(record, role) for role in ROLES]
            with finding, Clients(str(self._lab.state.space(wires.DESK)), *asks):
                until("the clients are served", lambda: self._answering(record), OVER_WITHIN_S)
                pause(2 + wait_ms / 1_000)
                until("the site is connected", lambda: self._agreed(satisfied=True), OVER_WITHIN_S)
                self._lose_uplink(record, found)
                pause(2 + wait_ms / 1_000)
                self._lose_node(record, found, victim, others)
                self._get_uplink_back(found)
        return found

    def _lose_uplink(self, record: Record, found: Figures) -> None:
        state = self._lab.state
        carried = self._uplink_bytes()
        cut_ms = boot_ms()
        state.wires.cut()

        def isolated() -> int | None:
            return first_ms(record.seen(), Kind.LOST, cut_ms, about=["uplink"])

        def in_force() -> int | None:
            """The last of what the isolated plan asks for: one more of `more`, none of `later`."""
            seen = [one for one in record.seen() if one.t_ms >= cut_ms]
            ready = first_ms(seen, Kind.DONE, cut_ms, about=["active more"])
            gone = first_ms(seen, Kind.ENDED, cut_ms, about=["later"])
            return None if ready is None or gone is None else max(ready, gone)

        grace_s = 30 if not self._more else 10
        found["uplink_noticed_ms"] = [until("the site is isolated", isolated, grace_s)]
        found["isolated_plan_ms"] = [until("the isolated plan is in force", in_force, OVER_WITHIN_S)]
        found["uplink_while_cut_bytes"] = [self._uplink_bytes() - carried]

    def _lose_node(self, record: Record, found: Figures, victim: str, others: list[str]) -> None:
        state = self._lab.state
        cut_ms = boot_ms()
        state.wires.link(victim, up=False)
        began_on = {role: holder for role in ROLES if (holder := _last_on(record, role)) == victim}

        def over() -> bool:
            seen = record.seen()
            found["node_noticed_ms"] = _list(first_ms(seen, Kind.LOST, cut_ms, by=others, about=[victim]))
            found["new_leader_ms"] = _list(first_ms(seen, Kind.LED, cut_ms, by=others, about=others))
            for role in ROLES:
                again = served_again_ms(seen, role, OUTSIDE, cut_ms, boot_ms()) if role in began_on else None
                found[f"{role}_served_ms"] = _list(again)
            wanted = ["node_noticed_ms", "new_leader_ms", *(f"{role}_served_ms" for role in began_on)]
            return all(found[name] for name in wanted)

        until(f"the work of {victim} goes on elsewhere", over, OVER_WITHIN_S)
        pause(HOLD_S)
        over()
        if "once" in began_on:
            found["once_double_ms"] = [double_ms(record.seen(), "once", boot_ms())]
        healed_ms = boot_ms()
        state.wires.link(victim, up=True)
        until(f"{victim} agrees with the others", lambda: self._same(victim, others[0]), OVER_WITHIN_S, 0.05)
        found["node_agrees_ms"] = [boot_ms() - healed_ms]

    def _same(self, one: str, other: str) -> bool:
        first, second = (self._get(node, "/v1/status", 0.5) for node in (one, other))
        return bool((first["leader"], first["plan"]) == (second["leader"], second["plan"]))

    def _get_uplink_back(self, found: Figures) -> None:
        network = self._lab.state.wires
        carried, healed_ms = self._uplink_bytes(), boot_ms()
        network.join()
        until("site and manager agree", self._agreed, OVER_WITHIN_S, 0.05)
        found["uplink_agrees_ms"] = [boot_ms() - healed_ms]
        found["uplink_until_agreed_bytes"] = [self._uplink_bytes() - carried]

    # ---- what is watched ----

    def _look(self, pid: int) -> tuple[str, str] | None:
        variables = watching.read(f"/proc/{pid}/environ").decode("utf-8", "replace").split("\0")
        if f"SKERRY_LAB={self._lab.state.id}" not in variables:
            return None
        values = dict(variable.partition("=")[::2] for variable in variables)
        kind, _, instance = values.get("SKERRY_GUARD_NAME", "").partition(":")
        element = instance.rpartition("/")[2].partition("#")[0]
        return (values.get("SKERRY_LAB_NODE", ""), element) if kind == "run" else None

    async def _ask(self, record: Record, role: str) -> None:
        for address in self._endpoints[role].copy():
            status, _ = await asked(address, "GET", "/")
            if status == 200:
                record.add(boot_ms(), Kind.ANSWERED, OUTSIDE, role)

    def _answering(self, record: Record) -> bool:
        return {one.about for one in record.seen() if one.kind is Kind.ANSWERED} == set(ROLES)

    def _uplink_bytes(self) -> int:
        """What the nodes' own ports of the uplink's switch have carried."""
        carried = watching.carried_bytes(self._lab.state.wires)
        return sum(carried[f"{node}-up"] for node in self._names)

    def rest(self, for_s: float) -> Figures:
        """Bytes an hour on the uplink and on each node's cable, and what agent and guard weigh."""
        network = self._lab.state.wires
        before, up, began_ms = watching.carried_bytes(network), self._uplink_bytes(), boot_ms()
        pause(for_s)
        after, hours = watching.carried_bytes(network), (boot_ms() - began_ms) / 3_600_000
        return {
            "lan_bytes_an_hour": [(after[node] - before[node]) / hours for node in self._names],
            "uplink_bytes_an_hour": [(self._uplink_bytes() - up) / hours],
            "memory_mib": [
                watching.pss_mib(pid for pid in watching.within(network.inode(node)) if _is_ours(pid))
                for node in self._names
            ],
        }


def _is_ours(pid: int) -> bool:
    line = command(pid)
    return AGENT in line or "skerry.guard" in line


def _list(value: float | None) -> list[float]:
    return [] if value is None else [value]


def _last_on(record: Record, role: str) -> str:
    """Where the newest copy of a role began."""
    began = [one.by for one in record.seen() if one.kind is Kind.BEGAN and one.about == role]
    return began[-1] if began else ""


class _Finding(Beside):
    """Asks some nodes again and again where the roles are, each on a connection that it keeps."""

    def __init__(self, lab: Lab, nodes: list[str], endpoints: dict[str, set[tuple[str, int]]]) -> None:
        super().__init__(*(partial(self._run, node) for node in nodes))
        self._lab = lab
        self._endpoints = endpoints
        self._told: dict[tuple[str, str], set[tuple[str, int]]] = {}

    def _run(self, node: str) -> None:
        state = self._lab.state
        wires.enter(str(state.space(wires.DESK)))
        context = asking.context(building.operator(self._lab.folder))
        connection = http.client.HTTPSConnection(state.node(node).api, timeout=1.0, context=context)
        while not self._over.wait(LOOK_UP_S):
            try:
                for role in ROLES:
                    connection.request("GET", f"/v1/lookup?interface=bench.{role}.v1")
                    answer = json.loads(connection.getresponse().read())
                    self._told[node, role] = {_address(one["endpoint"]) for one in answer["endpoints"]}
                    told = [known for (_, about), known in self._told.copy().items() if about == role]
                    self._endpoints[role] = set().union(*told)
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                connection.close()  # tried again


def _address(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host.removeprefix("http://"), int(port)


class _Streams(Beside):
    """Follows the public event stream of every node, from now on, and notes what counts as a word."""

    waits = False  # threads that wait for a line end with the lab, or with this process

    def __init__(self, lab: Lab, record: Record) -> None:
        super().__init__(*(partial(self._run, node) for node in lab.state.nodes))
        self._lab = lab
        self._record = record
        self._following: set[str] = set()

    def __enter__(self) -> Self:
        super().__enter__()
        until("all events are heard", lambda: len(self._following) == len(self._threads), OVER_WITHIN_S)
        return self

    def _run(self, node: str) -> None:
        state = self._lab.state
        wires.enter(str(state.space(wires.DESK)))
        context = asking.context(building.operator(self._lab.folder))
        last = 0
        while not self._over.wait(LOOK_UP_S):
            try:
                connection = http.client.HTTPSConnection(state.node(node).api, timeout=30.0, context=context)
                connection.request("GET", f"/v1/events?after={last}&follow=true")
                answer = connection.getresponse()
                while line := answer.readline():
                    event = json.loads(line)
                    last = event["number"]
                    self._note(node, event)
                    self._following.add(node)
            except (OSError, ValueError, http.client.HTTPException):
                continue  # its node is cut off: tried again

    def _note(self, node: str, event: dict[str, Any]) -> None:
        now_ms, what, about = boot_ms(), event["what"], event["about"]
        if what == "mode.isolated":
            self._record.add(now_ms, Kind.LOST, node, "uplink")
        elif what == "contact.lost":
            self._record.add(now_ms, Kind.LOST, node, about)
        elif what == "leader.followed":
            self._record.add(now_ms, Kind.LED, node, about)
        elif what == "role.active":
            element = about.rpartition("/")[2].partition("#")[0]
            self._record.add(now_ms, Kind.DONE, node, f"active {element}")
