"""`skerry lab up --netns`, as a user types it: what is broken is really broken, and `down` leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skerry.lab import building, networks, processes, wires
from skerry.lab.asking import Unanswered
from skerry.lab.site import Lab
from skerry.lab.state import LabError
from skerry.shell.clock import boot_ms, wall_ms

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(300)]

UP_WITHIN_S = 180.0
SEEN_WITHIN_MS = 60_000


def skerry(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", *words],
        capture_output=True, text=True, timeout=UP_WITHIN_S, check=False,
        env={**os.environ, "PYTHONPATH": processes.home()},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab") / "site"
    clocks = ["--clocks"] if networks.library() is not None else []
    skerry("lab", "up", "--netns", "--nodes", "2", "--folder", str(folder), *clocks)
    made = Lab(folder)
    known = made.state
    yield made
    skerry("lab", "down", "--folder", str(folder))
    assert processes.found(known.id) == []
    assert not folder.exists()
    assert not [name for name in os.listdir(wires.NAMED) if name.startswith(str(known.network))]
    assert str(folder) not in Path("/proc/mounts").read_text()


def verb(lab: Lab, *words: str) -> str:
    return skerry("lab", *words, "--folder", str(lab.folder))


def in_contact(lab: Lab) -> bool:
    """Whether n1 says that it is in contact with n2."""
    try:
        members = lab.api("n1").get("/v1/status")["members"]
    except Unanswered:
        return False
    return any(member["node"] == "n2" and member["contact"] == "yes" for member in members)


def session(lab: Lab, node: str) -> bool:
    try:
        return any(uplink["session"] for uplink in lab.api(node).get("/v1/status")["uplink"].values())
    except Unanswered:
        return True


def until(what: str, holds: Callable[[], bool]) -> None:
    until_ms = boot_ms() + SEEN_WITHIN_MS
    while not holds():
        assert boot_ms() < until_ms, what


def whole(lab: Lab) -> None:
    verb(lab, "heal")
    until("n2 is in contact again", lambda: in_contact(lab))


def test_nobody_but_the_lab_has_its_addresses_and_the_command_line_finds_its_way_in(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wires.LAN_NETWORK not in Path("/proc/net/fib_trie").read_text()
    monkeypatch.setenv("SKERRY_LAB", str(lab.folder))
    assert skerry("get", "sites").splitlines()[1].startswith("shop ")
    assert "site shop, as n" in skerry("status")
    assert json.loads(skerry("lab", "status", "-o", "json"))["uplink"]["cut"] is False


def test_a_cut_is_silent_and_stops_every_byte(lab: Lab) -> None:
    verb(lab, "cut")
    before = lab.uplink()
    assert before["cut"] is True
    until("no node has a session with the manager", lambda: not any(session(lab, node) for node in lab.state.nodes))
    assert lab.uplink()["bytes"] == before["bytes"]
    whole(lab)
    until("one has", lambda: lab.uplink()["bytes"] > before["bytes"] + 10_000)


@pytest.mark.parametrize("words", [("link", "n2", "down"), ("split", "n2"), ("loss", "n2", "99")])
def test_a_node_without_its_cable_is_missed_and_found_again(lab: Lab, words: tuple[str, ...]) -> None:
    verb(lab, *words)
    until("n2 is missed", lambda: not in_contact(lab))
    whole(lab)


def test_a_delayed_node_is_slow_to_answer_and_stays(lab: Lab) -> None:
    verb(lab, "delay", "n2", "200")
    began_ms = boot_ms()
    with wires.inside(lab.state.space(wires.DESK)):
        identity = str(building.operator(lab.folder))
        skerry("status", "--server", f"https://{lab.state.node('n2').api}", "--identity", identity)
    assert boot_ms() - began_ms > 4 * 200, "a connection, its keys and a question: two ways each"
    verb(lab, "delay", "n2", "0")
    assert "delay n2" not in lab.state.processes


def test_a_full_disk_is_full_and_empty_again(lab: Lab) -> None:
    verb(lab, "fill", "n2")
    with pytest.raises(OSError, match="No space left"):
        (lab.folder / "n2" / "more").write_text("more than nothing")
    (lab.folder / "n2" / "more").unlink()
    verb(lab, "fill", "n2", "--off")
    (lab.folder / "n2" / "more").write_text("there is room")


def test_a_stepped_clock_is_the_agents_alone(lab: Lab) -> None:
    if networks.library() is None:
        pytest.skip("a stepped clock needs libfaketime (Debian: apt install faketime)")
    verb(lab, "clock", "n2", "-1h")
    lab.kill("n2")
    lab.start("n2")
    until("n2 has begun a new life an hour late", lambda: 3_500_000 < late_ms(lab, "n2") < 3_700_000)
    assert late_ms(lab, "n1") < 600_000, "and nobody else"
    verb(lab, "clock", "n2", "0s")
    whole(lab)


def late_ms(lab: Lab, node: str) -> int:
    """By how much the newest event of a node's present life is older than now, by its own wall clock; 0 if there is
    none."""
    try:
        events = lab.api(node).get("/v1/events?after=0")["events"]
    except Unanswered:
        return 0
    return wall_ms() - events[-1]["wallMs"] if events else 0


def test_cables_are_refused_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no lab is up"):
        Lab(tmp_path).link("n1", up=False)
