"""One machine from joining to leaving, by the command line alone: a manager, an agent, a first intent, its service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.command import Verbs, skerry
from tests.support.office import REPOSITORY, RunningManager
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(180)

HELLO = REPOSITORY / "src" / "skerry" / "examples" / "hello"
SATISFIED_WITHIN_S = 90.0
INSTANCE = "hq/hello/hello#1"
SECOND = """
apiVersion: skerry/v1
kind: Intent
metadata: {name: second}
spec: {functionality: hello@1, limits: {requestRate: 10/s}}
"""


class Node:
    """A machine that has joined, and its agent."""

    def __init__(self, verbs: Verbs, folder: Path) -> None:
        self.folder = folder
        self.api = f"127.0.0.1:{free_port()}"
        listen = f"tls/127.0.0.1:{free_port()}"
        joined = verbs.join(verbs.token("shop"), "shop", "n1", folder, "--listen", listen, "--api", self.api)
        assert joined.code == 0, joined.err
        self.verbs = verbs.at(self.api)
        self.agent = self.begin()
        assert self.agent.stdout is not None
        assert self.api in self.agent.stdout.readline()

    def begin(self) -> subprocess.Popen[str]:
        """Start the agent."""
        return subprocess.Popen(
            [sys.executable, "-m", "skerry", "agent", "run", "--folder", str(self.folder)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_satisfied(self, intent: str) -> None:
        until = time.monotonic() + SATISFIED_WITHIN_S
        states: dict[str, str] = {}
        while states.get(intent) != "satisfied":
            assert time.monotonic() < until, states
            assert self.agent.poll() is None, self.agent.communicate()
            time.sleep(0.2)
            states = {f["intent"]: f["state"] for f in self.verbs.json("status")["functionalities"]}

    def processes(self) -> list[str]:
        """Whatever runs from its folder: agent, guard, workloads."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                where = os.readlink(place / "cwd")
            except OSError:
                continue
            if str(self.folder) in f"{words} {where}" and int(place.name) != os.getpid():
                found.append(words)
        return found


@pytest.fixture(scope="module")
def node(manager: RunningManager, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """With the first intent of the examples, satisfied."""
    verbs = Verbs(manager)
    assert verbs("apply", "-f", HELLO / "catalogue.yaml", "-f", HELLO / "intent.yaml").code == 0
    made = Node(verbs, tmp_path_factory.mktemp("node") / "agent")
    try:
        made.until_satisfied("hq/hello")
        yield made
    finally:
        if made.agent.poll() is None:
            left = skerry("agent", "leave", "--folder", made.folder)
            assert left.code == 0, left.err
        made.agent.communicate(timeout=15)


def test_status_of_a_node_is_one_screen(node: Node) -> None:
    ran = node.verbs("status")
    assert (ran.code, ran.err) == (0, "")
    for words in ("site shop, as n1 sees it", "connected to hq", "leader n1", "hq/hello: satisfied", INSTANCE):
        assert words in ran.out
    assert "CUT OFF" not in ran.out
    assert len(ran.out.splitlines()) <= 24
    assert not [line for line in ran.out.splitlines() if line != line.rstrip()]


def test_status_of_the_manager_shows_when_it_heard_the_site(node: Node, verbs: Verbs) -> None:
    (line,) = [line for line in verbs.json("status")["sites"] if line["site"] == "shop"]
    assert line["heard_from"] == "n1"
    assert "hello" in verbs("status").out


@pytest.mark.parametrize("what", ["intents", "nodes", "plan", "fits", "journal"])
def test_a_node_lists_what_its_site_knows(node: Node, what: str) -> None:
    ran = node.verbs("get", what)
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) >= 2
    assert yaml.safe_load(node.verbs("get", what, "-o", "yaml").out)


@pytest.mark.parametrize("words", [("get", "sites"), ("get", "verdicts"), ("history",), ("use",)])
def test_what_only_the_manager_has_a_node_says_so(node: Node, words: tuple[str, ...]) -> None:
    ran = node.verbs(*words)
    assert (ran.code, "manager" in ran.err) == (1, True)


def test_the_manager_lists_what_the_site_decided(node: Node, verbs: Verbs) -> None:
    until = time.monotonic() + 20
    while INSTANCE not in verbs("get", "plan", "--site", "shop").out:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert "hello" in verbs("get", "fits", "--site", "shop").out
    assert yaml.safe_load(verbs("describe", "instance", INSTANCE, "--site", "shop").out)["held_by"]["connected"] == "n1"


def test_the_leader_explains_a_choice_term_by_term(node: Node) -> None:
    value = node.verbs.json("explain", INSTANCE)
    (candidate,) = next(r["candidates"] for r in value["rankings"] if r["set"] == "connected")
    assert candidate["node"] == "n1"
    ran = node.verbs("explain", INSTANCE)
    assert all(term in ran.out for term in candidate["terms"])
    assert "score" in ran.out


def test_an_instance_that_does_not_exist_is_refused_with_those_that_do(node: Node) -> None:
    for words in (("explain", "hq/hello/hello#9"), ("describe", "instance", "hq/hello/hello#9")):
        ran = node.verbs(*words)
        assert (ran.code, INSTANCE in ran.err) == (1, True)


def test_a_described_instance_shows_where_it_answers(node: Node) -> None:
    found = yaml.safe_load(node.verbs("describe", "instance", INSTANCE).out)
    assert found["runs"][0]["endpoint"].startswith("127.0.0.1:")


def test_followed_events_go_on_until_they_are_interrupted(node: Node, manager: RunningManager) -> None:
    where = ("--server", f"https://{node.api}", "--identity", str(manager.folder / "operators" / "admin"))
    following = subprocess.Popen(
        [sys.executable, "-m", "skerry", "events", "--follow", "-o", "json", *where],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    first = json.loads(following.stdout.readline())
    assert first["node"] == "n1"
    following.send_signal(signal.SIGINT)
    _, complained = following.communicate(timeout=15)
    assert (following.returncode, complained) == (0, "")


def test_an_operator_hands_an_intent_to_a_node_by_signature_and_a_node_may_not(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "second.yaml"
    file.write_text(SECOND)
    as_node = node.verbs.at(node.api, node.folder)
    ran = as_node("apply", "-f", file)
    assert (ran.code, "operator" in ran.err) == (1, True)
    assert node.verbs.json("apply", "-f", file) == {"intent": "hq/second", "generation": 1}
    node.until_satisfied("hq/second")
    file.write_text(SECOND.replace("hello@1", "nothing@1"))
    ran = node.verbs("apply", "-f", file)
    assert (ran.code, "nothing" in ran.err) == (1, True)


def test_a_service_that_nobody_offers_is_not_found_in_the_time_given(node: Node, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    ran = node.verbs("object", "put", tmp_path / "file", "--as", "name", "--wait", "1s")
    assert (ran.code, "object-store.v1" in ran.err) == (3, True)
    ran = node.verbs("object", "put", tmp_path / "missing", "--as", "name")
    assert (ran.code, "missing" in ran.err) == (1, True)


def agent_run(folder: Path) -> subprocess.CompletedProcess[str]:
    """As a process of its own, for the agent takes its process over; it is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "skerry", "agent", "run", "--folder", str(folder)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_agent_on_one_folder_says_who_holds_it(node: Node) -> None:
    ran = agent_run(node.folder)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert str(node.folder) in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_agent_without_a_joined_folder_says_what_to_do(tmp_path: Path) -> None:
    ran = agent_run(tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "skerry agent join" in ran.stderr
    assert "Traceback" not in ran.stderr
    left = skerry("agent", "leave", "--folder", tmp_path)
    assert (left.code, "skerry agent join" in left.err) == (1, True)


def test_leaving_stops_everything_and_leaves_the_folder(node: Node) -> None:
    """Last in this file: the machine is gone after it."""
    ran = skerry("agent", "leave", "--folder", node.folder)
    assert (ran.code, ran.err) == (0, "")
    assert f"stopped {INSTANCE}" in ran.out
    assert node.agent.wait(timeout=15) == 0
    until = time.monotonic() + 10
    while left := node.processes():
        assert time.monotonic() < until, left
        time.sleep(0.1)
    assert (node.folder / "key.pem").exists()
    ran = skerry("agent", "leave", "--folder", node.folder)
    assert (ran.code, "no agent runs" in ran.err) == (3, True)
