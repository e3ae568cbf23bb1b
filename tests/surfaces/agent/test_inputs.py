"""What an agent writes down of what it was told: replayed to the same state, asked why, and without a secret."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.adapters.keys.ed25519 import load_key
from skerry.inputlog.ring import segments_in
from tests.support.command import Ran, skerry
from tests.support.lone_node import WITHIN_S, Node

pytestmark = pytest.mark.timeout(180)

ADDRESS = "127.77.0.2"
HELLO = "hq/hello/hello#1"
SECRET = "correct-horse-battery-staple"  # noqa: S105 - what a careless owner might put into an agent's surroundings


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a node after a lively time: it served, lost its work, was killed and came back, and was ended."""
    os.environ["SKERRY_TOKEN"] = SECRET  # of this prefix, and so handed on to guard and workloads too
    node = Node(tmp_path_factory.mktemp("inputs"), ADDRESS, Path(__file__).with_name("alone.yaml"))
    try:
        node.until(lambda: node.state_of("hq/hello") == "satisfied, isolated")
        assert node("call", "greeting.v1").code == 0
        node.agent.kill()
        node.agent.communicate(timeout=WITHIN_S)
        node.begin()
        lost = node.until(lambda: node.answers(HELLO))
        os.kill(lost, signal.SIGKILL)
        node.until(lambda: node.answers(HELLO) not in (None, lost))
        node.until(lambda: node.state_of("hq/hello") == "satisfied, isolated")
        node.agent.terminate()
        node.agent.communicate(timeout=WITHIN_S)
        yield node.folder
    finally:
        del os.environ["SKERRY_TOKEN"]
        if node.agent.poll() is not None:
            node.begin()
        skerry("agent", "leave", "--folder", node.folder)
        node.agent.communicate(timeout=WITHIN_S)


def replay(log: Path) -> Ran:
    return skerry("replay", log, "-o", "json")


def test_both_lives_are_replayed_to_the_digests_that_the_agent_logged(left: Path) -> None:
    ran = replay(left)
    assert ran.code == 0, ran.out + ran.err
    killed, ended = json.loads(ran.out)["segments"]
    for segment in (killed, ended):
        assert segment["node"] == "n1" and segment["inputs"] > 5 and segment["digest"]
        assert (segment["ending"], segment["trouble"], segment["another_version"]) == ("whole", "", False)
    assert "-" in ended["digest"], "its state as well: it ended in good order"


def test_a_byte_that_was_changed_is_found_wherever_it_is(left: Path, tmp_path: Path) -> None:
    whole = segments_in(left / "inputs")[-1].read_bytes()
    for place in (3, 9, 30, len(whole) // 2, len(whole) - 1):
        changed = tmp_path / f"{place}.inputs"
        changed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        ran = replay(changed)
        assert (ran.code, json.loads(ran.out)["segments"][0]["ending"]) == (1, "damaged"), place


def test_a_log_that_a_power_cut_tore_is_replayed_up_to_there_and_says_so(left: Path, tmp_path: Path) -> None:
    whole = segments_in(left / "inputs")[-1].read_bytes()
    torn = tmp_path / "torn.inputs"
    torn.write_bytes(whole[:-20])
    ran = replay(torn)
    (segment,) = json.loads(ran.out)["segments"]
    assert (ran.code, segment["ending"], segment["trouble"]) == (0, "cut short", "")
    assert segment["inputs"] > 3 and segment["digest"]


def test_why_an_instance_is_here_is_told_offline_from_a_copy_of_the_log(left: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(left / "inputs", tmp_path / "sent by post")
    ran = skerry("explain", HELLO, "--log", copy)
    assert ran.code == 0, ran.err
    words = ran.out
    for told in (
        "connected: n1 with hello",
        "became active",
        "because its process",
        "was found running, and taken over",
        "because the agent started",
        "failed (reason signal 9",
        "because its process ended: signal 9",
    ):
        assert told in words, words
    started = words[words.index("became active") :].splitlines()
    assert started[1].startswith("  because its process") and started[2].startswith("    because"), (
        "back to what caused it"
    )
    assert skerry("explain", "hq/nothing/nothing#1", "--log", copy).code == 1


def test_the_log_holds_no_secret_and_is_nobody_elses_to_read(left: Path) -> None:
    segments = segments_in(left / "inputs")
    logged = b"".join(path.read_bytes() for path in segments)
    seed = load_key(left / "key.pem")
    pem = (left / "key.pem").read_text().splitlines()[1].encode()
    for secret in (seed, seed.hex().encode(), base64.b64encode(seed), pem, b"PRIVATE KEY", SECRET.encode()):
        assert secret not in logged
    assert b"hq/hello/hello#1" in logged, "what is there is found"
    assert {path.stat().st_mode & 0o777 for path in segments} == {0o600}
    assert (left / "inputs").stat().st_mode & 0o777 == 0o700
