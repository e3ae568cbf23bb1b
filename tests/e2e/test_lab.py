"""The lab's verbs, as a user types them, over processes that really run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import processes, state
from skerry.lab.site import Lab
from skerry.shell.settings import load_settings

UP_WITHIN_S = 120.0
VERB_WITHIN_S = 60.0
NOTICED_WITHIN_S = 60.0


def _skerry(*words: str, within_s: float = VERB_WITHIN_S, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", *words],
        capture_output=True, text=True, timeout=within_s, check=False, env=_environment(),
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": processes.home()}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab") / "site"
    _skerry("lab", "up", "--nodes", "3", "--folder", str(folder), within_s=UP_WITHIN_S)
    made = Lab(folder)
    known = made.state
    yield made
    _skerry("lab", "down", "--folder", str(folder))
    assert processes.found(known.id) == []
    assert not folder.exists()
    assert known.memory_folder is None or not Path(known.memory_folder).exists()


def _status(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_skerry("lab", "status", "-o", "json", "--folder", str(lab.folder)).stdout)
    return found


def _until(lab: Lab, what: str, holds: Callable[[dict[str, Any]], Any]) -> Any:
    """Wait for something in what `skerry lab status` shows of nodes; returns it. On a busy machine a verb takes seconds
    to start and a node may not answer at once, so it is asked here, and again."""
    until = time.monotonic() + NOTICED_WITHIN_S
    while True:
        shown = lab.status()
        if found := holds(shown["nodes"]):
            return found
        assert time.monotonic() < until, f"{what}: {json.dumps(shown)[:3_000]}"
        time.sleep(0.1)


def _leader(nodes: dict[str, Any]) -> str | None:
    """Whom all nodes follow; None as long as they do not."""
    leaders = {row["status"]["leader"] if row["status"] else None for row in nodes.values()}
    return leaders.pop() if len(leaders) == 1 else None


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_lab_comes_up_with_one_leader_and_says_so_on_one_screen(lab: Lab) -> None:
    assert _until(lab, "one leader", _leader) in lab.state.nodes
    found = _status(lab)
    assert found["uplink"]["cut"] is False
    assert {row["state"] for row in found["nodes"].values()} == {"runs"}
    screen = _skerry("lab", "status", "--folder", str(lab.folder)).stdout
    assert "uplink forwards" in screen
    assert "n3" in screen


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_verb_finds_a_lab_that_the_environment_names(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SKERRY_LAB names none" in _skerry("get", "sites", code=2).stderr
    monkeypatch.setenv("SKERRY_LAB", str(lab.folder))
    assert _skerry("get", "sites").stdout.splitlines()[1].startswith("shop ")
    assert "uplink forwards" in _skerry("lab", "status").stdout
    node = f"https://{lab.state.node('n2').api}"
    assert "as n2 sees it" in _skerry("status", "--server", node).stdout, "as the lab's operator"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_frozen_leader_is_missed_and_a_thawed_one_joins_again(lab: Lab) -> None:
    leader = _until(lab, "one leader", _leader)
    others = [name for name in lab.state.nodes if name != leader]
    _skerry("lab", "freeze", leader, "--folder", str(lab.folder))
    assert all(one.state == "T" for one in processes.found(lab.state.id, leader))
    _until(
        lab,
        "another leads",
        lambda nodes: (
            {nodes[n]["status"]["leader"] for n in others if nodes[n]["status"]} < set(others)
            and all(nodes[n]["status"] for n in others)
        ),
    )
    _skerry("lab", "thaw", leader, "--folder", str(lab.folder))
    _until(
        lab,
        "one part again",
        lambda nodes: (
            all(row["status"] for row in nodes.values())
            and max(len(row["status"]["part"]) for row in nodes.values()) == 3
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_killed_node_is_off_and_starts_again_on_its_own_disk(lab: Lab) -> None:
    _skerry("lab", "kill", "n3", "--folder", str(lab.folder))
    assert processes.found(lab.state.id, "n3") == []
    assert _status(lab)["nodes"]["n3"]["state"] == "off"
    _skerry("lab", "start", "n3", "--folder", str(lab.folder))
    _until(lab, "n3 runs", lambda nodes: nodes["n3"]["status"] is not None)
    again = _skerry("lab", "start", "n3", "--folder", str(lab.folder), code=1)
    assert "its agent runs already" in again.stderr


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_cut_site_says_that_it_is_isolated_and_a_healed_one_that_it_is_not(lab: Lab) -> None:
    _skerry("lab", "cut", "--folder", str(lab.folder))

    def modes(nodes: dict[str, Any]) -> set[str]:
        return {mode["mode"] for row in nodes.values() if row["status"] for mode in row["status"]["modes"].values()}

    _until(lab, "isolated", lambda nodes: modes(nodes) == {"isolated"})
    assert "0 bytes went through" in _skerry("lab", "heal", "--folder", str(lab.folder)).stdout
    _until(lab, "connected", lambda nodes: modes(nodes) == {"connected"})


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_owner_takes_memory_and_gives_it_back(lab: Lab) -> None:
    def hogs() -> int:
        return sum("skerry.lab.hog" in one.command for one in processes.found(lab.state.id, "n2"))

    _skerry("lab", "load", "n2", "--memory", "64Mi", "--folder", str(lab.folder))
    assert hogs() == 1
    _skerry("lab", "load", "n2", "--off", "--folder", str(lab.folder))
    assert hogs() == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_slowed_node_runs_at_full_speed_again(lab: Lab) -> None:
    _skerry("lab", "slow", "n2", "--factor", "20", "--folder", str(lab.folder))
    assert _status(lab)["nodes"]["n2"]["slowed"] is True
    _skerry("lab", "slow", "n2", "--off", "--folder", str(lab.folder))
    assert _status(lab)["nodes"]["n2"]["slowed"] is False
    assert not any(one.state == "T" for one in processes.found(lab.state.id))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_byte_of_a_nodes_journal_is_changed_while_its_agent_is_away(lab: Lab) -> None:
    entry = lab.api("n2").get("/v1/journal?after=0")["entries"][0]
    words = ("lab", "tamper", "n2", "--chain", entry["chain"], "--folder", str(lab.folder))
    said = _skerry(*words, "--entry", str(entry["number"])).stdout
    assert f"where {entry['what']!r} was signed" in said
    _until(lab, "n2 runs", lambda nodes: nodes["n2"]["status"] is not None)
    found = lab.api("n2").get("/v1/journal?after=0")["entries"][0]
    assert (found["number"], found["what"].lower()) == (entry["number"], entry["what"])
    assert found["what"] != entry["what"]
    assert "is not there" in _skerry(*words, "--entry", "9999", code=1).stderr
    _until(lab, "n2 runs", lambda nodes: nodes["n2"]["status"] is not None)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_wrong_words_are_answered_with_what_was_expected(lab: Lab) -> None:
    folder = str(lab.folder)
    assert "no such node; it has n1, n2, n3" in _skerry("lab", "freeze", "n9", "--folder", folder, code=1).stderr
    assert "a lab is up here already" in _skerry("lab", "up", "--folder", folder, code=1).stderr
    assert "expected 1.1 to 1000" in _skerry("lab", "slow", "n1", "--factor", "0.5", "--folder", folder, code=1).stderr
    assert (
        "expected a size such as" in _skerry("lab", "load", "n1", "--memory", "much", "--folder", folder, code=2).stderr
    )
    assert "no lab is up here" in _skerry("lab", "status", "--folder", f"{folder}-other", code=1).stderr


def test_a_taken_port_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = _skerry("lab", "up", "--ports", str(port), "--folder", str(tmp_path / "lab"), code=1).stderr
    assert f"port {port} on 127.0.0.1 is taken" in said
    assert not (tmp_path / "lab" / state.STATE_FILE).exists()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing_even_where_the_signal_was_inherited_as_ignored(
    number: signal.Signals, tmp_path: Path
) -> None:
    folder = tmp_path / "lab"
    trap = f'trap \'\' {number.name.removeprefix("SIG")}; exec "$0" -m skerry lab up --nodes 3 --folder "$1"'
    started = subprocess.Popen(["sh", "-c", trap, sys.executable, str(folder)], env=_environment())
    until = time.monotonic() + UP_WITHIN_S
    while not (folder / state.STATE_FILE).exists() or len(processes.found((lab := state.load(folder)).id)) < 2:
        assert time.monotonic() < until, "the manager was not started"
        assert started.poll() is None, "it ended by itself"
        time.sleep(0.05)
    started.send_signal(number)
    assert started.wait(VERB_WITHIN_S) == 130
    assert processes.found(lab.id) == []
    assert lab.memory_folder is None or not Path(lab.memory_folder).exists()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_x5_a_node_that_leaves_says_goodbye_and_its_vote_goes_with_the_next_roster(lab: Lab) -> None:
    _until(lab, "all in contact", lambda nodes: all(row["status"] for row in nodes.values()))
    said = _skerry("agent", "leave", "--folder", str(lab.folder / "n3")).stdout
    assert "n3 has left shop; its vote has gone with roster " in said
    assert processes.found(lab.state.id, "n3") == []
    assert [m["node"] for m in lab.api("n1").get("/v1/status")["members"]] == ["n1", "n2"]
    _skerry("lab", "start", "n3", "--folder", str(lab.folder))
    _until(lab, "n3 runs", lambda nodes: nodes["n3"]["status"] is not None)
    status = lab.api("n3").get("/v1/status")
    assert not status["belongs"] and any("taken out of the roster" in line for line in status["given_up"])


def test_a_site_may_go_without_a_plan_for_being_cut_off_to_compare(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    words = ("--nodes", "1", "--joined-only", "--without-contingency", "--folder", str(folder))
    _skerry("lab", "up", *words, within_s=UP_WITHIN_S)
    try:
        assert load_settings(folder / "n1").contingency is False
        assert [one.command for one in processes.found(Lab(folder).state.id) if " agent run" in one.command] == []
    finally:
        _skerry("lab", "down", "--folder", str(folder))
