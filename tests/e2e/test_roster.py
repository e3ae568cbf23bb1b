"""A roster changes under a role that must not run twice, over processes that really run: nobody notices (X5, U15)."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.core.group.granting.model import LEASE_MS, promise_ms
from skerry.lab import building, processes
from skerry.lab.asking import command
from skerry.lab.site import Lab
from skerry.lab.state import HOST, free_ports
from tests.support.waiting import until

MANIFESTS = Path(__file__).with_name("once.yaml")
UP_WITHIN_S = 120.0
STOPPED_WITHIN_S = 10.0


def skerry(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", *words],
        capture_output=True, text=True, timeout=UP_WITHIN_S, check=False,
        env={**os.environ, "PYTHONPATH": processes.home()},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    folder = tmp_path / "site"
    skerry("lab", "up", "--nodes", "3", "--folder", str(folder))
    made = Lab(folder)
    known = made.state.id
    yield made
    skerry("lab", "down", "--folder", str(folder))
    assert processes.end_all(known) == []  # takes note of those that the test itself has started


class Client:
    """Asks the one instance twenty times a second, and counts what went wrong."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.answered = 0
        self.failed: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=10)

    def _ask(self) -> None:
        while not self._over.wait(0.05):
            asking = http.client.HTTPConnection(self.endpoint, timeout=5)
            try:
                asking.request("GET", "/")
                status = asking.getresponse().status
                self.answered += status == 200
                if status != 200:
                    self.failed.append(str(status))
            except OSError as error:
                self.failed.append(str(error))
            finally:
                asking.close()


def serving(lab: Lab, node: str) -> dict[str, Any] | None:
    """The active instance and who has it, as a node sees it."""
    for member in lab.api(node).get("/v1/status")["members"]:
        for one in member["instances"]:
            if one["phase"] == "active" and one["instance"].startswith("hq/once/"):
                return {**one, "node": member["node"]}
    return None


def pids(lab: Lab, node: str) -> list[int]:
    return [one.pid for one in processes.found(lab.state.id, node) if one.run and one.instance.startswith("hq/once/")]


def joined(lab: Lab, name: str, *besides: str) -> None:
    """A further machine, by the verbs that people use."""
    state, folder = lab.state, lab.folder
    fabric, api = free_ports(2, None, 4_000)
    token = building.token(folder, state, state.site, name)
    skerry(
        *("agent", "join", "--manager", f"https://{HOST}:{state.relay_api_port}", "--token", token),
        *("--site", state.site, "--name", name, "--folder", str(folder / name), "--host", HOST),
        *("--listen", f"tls/{HOST}:{fabric}", "--api", f"{HOST}:{api}", "--multicast", "none"),
        *("--uplink", f"tls/{HOST}:{state.relay_uplink_port}", *besides),
    )
    run = command("agent", "run", "--folder", folder / name)
    processes.start(run, lab=state.id, cwd=folder, log=folder / f"{name}.log", node=name)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_x5_a_node_goes_and_another_comes_while_the_one_instance_serves(lab: Lab) -> None:
    operator = str(building.operator(lab.folder))
    manager = f"https://{HOST}:{lab.state.manager_api_port}"
    skerry("apply", "-f", str(MANIFESTS), "--server", manager, "--identity", operator)
    before = until("it serves", lambda: serving(lab, "n1"))
    holder, (pid,) = before["node"], pids(lab, before["node"])
    goes, stays = sorted({"n1", "n2", "n3"} - {holder})

    with Client(before["endpoint"]) as client:
        skerry("delete", "node", goes, "--server", manager, "--identity", operator)
        until("it has heard of it", lambda: not lab.api(goes).get("/v1/status")["belongs"], STOPPED_WITHIN_S)
        joined(lab, "n4")

        def counts() -> bool:
            status = lab.api(stays).get("/v1/status")
            there = {m["node"] for m in status["members"] if m["contact"] != "lost"}
            return there == {holder, stays, "n4"} and status["roster_counting"] == status["roster_version"]

        until("the third roster counts", counts)
        time.sleep(
            2 * promise_ms(LEASE_MS) / 1_000
        )  # two of the longest promises: whoever lost the key would show it by now
    after = serving(lab, stays)
    assert client.failed == [] and client.answered > 0
    assert after is not None and (after["node"], after["fence"]) == (holder, before["fence"])
    assert pids(lab, holder) == [pid]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_x5_the_holder_is_replaced_and_stops_before_another_starts(lab: Lab) -> None:
    operator = str(building.operator(lab.folder))
    manager = f"https://{HOST}:{lab.state.manager_api_port}"
    skerry("apply", "-f", str(MANIFESTS), "--server", manager, "--identity", operator)
    before = until("it serves", lambda: serving(lab, "n1"))
    holder = before["node"]
    stays = min({"n1", "n2", "n3"} - {holder})

    joined(lab, "n4", "--replaces", holder)
    until("the one replaced has stopped all", lambda: not pids(lab, holder))
    after = until("another serves", lambda: (found := serving(lab, stays)) and found["node"] != holder and found)
    assert after["fence"] > before["fence"]
