"""One node whose manager was never there, and what its owner, its programs and its disk may do to it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import zenoh

from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh import config, keys
from skerry.guard.client import GuardClient, GuardError
from tests.support.command import skerry
from tests.support.lone_node import NOBODY, WITHIN_S, Node, run
from tests.support.site_by_hand import API_PORT, FABRIC_PORT, Place, make_site

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes

ADDRESS = "127.77.0.1"
SITE = Path(__file__).with_name("alone.yaml")
HELLO, BROKEN = "hq/hello/hello#1", "hq/broken/broken#1"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Running, with the first intent of the examples satisfied."""
    made = Node(tmp_path_factory.mktemp("alone"), ADDRESS, SITE)
    try:
        made.until(lambda: made.state_of("hq/hello") == "satisfied, isolated")
        yield made
    finally:
        if made.agent.poll() is None:
            left = skerry("agent", "leave", "--folder", made.folder)
            assert left.code == 0, left.err
        made.agent.communicate(timeout=15)


def test_a_node_that_never_saw_its_manager_decides_and_serves_alone_and_says_so(node: Node) -> None:
    shown = node("status").out
    assert "CUT OFF from hq" in shown
    assert "leader n1" in shown
    assert node("call", "greeting.v1").out.startswith(f"hello from {HELLO} on n1")


def test_each_broken_program_is_named_with_what_is_wrong_and_its_role_stays_unfilled(node: Node) -> None:
    node.until(lambda: "unfilled" in node("status").out)
    assert node.state_of("hq/broken") == "not provided, isolated"
    rows = {row.split()[2]: row for row in node("get", "fits").out.splitlines() if "hq/broken/broken" in row}
    told = {
        "absent": "'no-such-program' is allowed here but was not found; install it, or correct PATH",
        "forbidden": "the owner does not allow the program 'cat'",
        "deaf": "not ready within 500 ms: expected port 'main' to open",
        "mute": "the probe printed no figure",
        "wrong": "the probe printed requestRate = -5.0: expected a number from 0",
        "crashing": "ended (exit 7) before it was ready",
    }
    assert set(rows) == set(told)
    (unfilled,) = [line for line in node("status").out.splitlines() if line.startswith("unfilled")]
    for configuration, words in told.items():
        assert words in rows[configuration]
        assert words in unfilled
    assert f"{BROKEN} (connected), {BROKEN} (isolated)" in unfilled, "once for both sets"
    assert node.pid_of(BROKEN) is None


def test_prometheus_reads_what_status_shows(node: Node) -> None:
    said = node.metrics().splitlines()
    own, cut_off = 'site="shop",node="n1"', 'site="shop",node="n1",manager="hq"'
    for sample in (
        f"skerry_site_nodes{{{own}}} 1",
        f"skerry_node_leads{{{own}}} 1",
        f"skerry_node_cut_off{{{cut_off}}} 1",
        f'skerry_intent_state{{{own},intent="hq/hello",state="satisfied"}} 1',
        f'skerry_intent_state{{{own},intent="hq/hello",state="not provided"}} 0',
        f"skerry_node_cannot_write{{{own}}} 0",
    ):
        assert sample in said
    meant = {line.split()[2] for line in said if line.startswith("# TYPE ")}
    told = {line.partition("{")[0] for line in said if not line.startswith("#")}
    assert meant - told == {"skerry_node_answered_age_seconds"}, "nobody ever answered it; all else has a value"


def test_an_owners_word_that_cannot_be_read_changes_nothing_and_is_told(node: Node) -> None:
    place, pid = node.folder / "node.yaml", node.pid_of(HELLO)
    before = place.read_text()
    place.write_text(before.replace("2Gi", "two"))
    try:
        told = node.until(lambda: [line for line in node("events").out.splitlines() if "facts.refused" in line])
    finally:
        place.write_text(before)
    assert "node.yaml" in told[0] and "expected a size" in told[0]
    assert (node.agent.poll(), node.pid_of(HELLO)) == (None, pid)


def test_a_link_of_the_sites_over_which_nothing_is_known_is_broken_off_and_told(node: Node) -> None:
    """As when a handshake went wrong: a session with the site's papers, of which the agent never hears a word."""
    place = f"tls/{ADDRESS}:{FABRIC_PORT}"
    papers = TlsFiles.within(node.folder)
    link = config.Link(mode="peer", tls=papers, connect=(place,), lease_ms=1_000, setup_within_ms=3_000)
    silent = zenoh.open(config.settings(link, keys.fabric_access("shop")))
    try:
        told = node.until(lambda: [line for line in node("events").out.splitlines() if "link.broken_off" in line])
    finally:
        silent.close()
    assert "tls/127." in told[0], "of whom nothing is known, the address is"
    (counted,) = [line for line in node.metrics().splitlines() if line.startswith("skerry_node_links_broken_off_")]
    assert int(counted.split()[-1]) >= 1


def test_an_agent_whose_port_is_taken_names_it_and_ends(node: Node, tmp_path: Path) -> None:
    places = {"n1": Place(ADDRESS, NOBODY)}
    second = make_site(tmp_path, SITE, places)["n1"]
    _, complained = (starting := run(second)).communicate(timeout=WITHIN_S)
    assert starting.returncode == 1
    assert f"{ADDRESS}:{API_PORT}" in complained or f"{ADDRESS}:{FABRIC_PORT}" in complained
    assert "Traceback" not in complained
    assert node.state_of("hq/hello") == "satisfied, isolated"


def test_of_two_agents_with_one_name_the_later_one_ends_and_says_why(node: Node, tmp_path: Path) -> None:
    """As when a disk was copied: both hold the key, so only the fabric can see that there are two of them."""
    pid, copy = node.pid_of(HELLO), tmp_path / "copy"
    shutil.copytree(node.folder, copy, ignore=lambda _, names: {n for n in names if n.startswith(("guard", "lock"))})
    settings = json.loads((copy / "agent.json").read_text())
    settings.update(
        listen=[f"tls/{ADDRESS}:{FABRIC_PORT + 1}"], peers=settings["listen"], api=f"{ADDRESS}:{API_PORT + 1}"
    )
    (copy / "agent.json").write_text(json.dumps(settings))
    try:
        _, complained = (later := run(copy)).communicate(timeout=WITHIN_S)
    finally:
        with contextlib.suppress(GuardError), GuardClient(str(copy)) as guard:
            guard.ask("shutdown")
    assert later.returncode == 1
    assert "node 'n1' of site 'shop': another agent says that it is this node" in complained
    assert "skerry agent join" in complained and "Traceback" not in complained
    assert (node.agent.poll(), node.pid_of(HELLO)) == (None, pid)
    node.until(lambda: node.state_of("hq/hello") == "satisfied, isolated")


def test_what_is_decided_while_cut_off_is_temporary_and_status_says_so(node: Node) -> None:
    """Its owner offers more, so it measures itself anew, and plans anew with what it finds."""
    place, pid = node.folder / "node.yaml", node.pid_of(HELLO)
    before = place.read_text()
    assert "2Gi" in before
    place.write_text(before.replace("2Gi", "3Gi"))
    node.until(lambda: "decided without a manager: temporary until it is ratified" in node("status").out)
    node.until(lambda: node.state_of("hq/hello") == "satisfied, isolated")
    assert node.pid_of(HELLO) == pid


def test_an_agent_that_cannot_write_stays_up_and_says_so_and_decides_nothing_until_there_is_room(node: Node) -> None:
    """N5. As on a full disk, the system lets the agent write to no file; what it started is not hit by that."""
    pid = node.pid_of(HELLO)
    assert pid is not None
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(node.agent.pid, resource.RLIMIT_FSIZE, (0, unlimited))
    told = node.until(lambda: [line for line in node("status").out.splitlines() if "cannot write the state" in line])
    assert told[0].startswith("given up: this node decides nothing, and hears nobody: ") and "state.db" in told[0]
    asked = node("call", "greeting.v1")
    assert asked.code != 0 and "ask another node" in asked.err and "cannot write the state" in asked.err
    assert (node.agent.poll(), node.pid_of(HELLO)) == (None, pid)
    resource.prlimit(node.agent.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    node.until(lambda: "cannot write" not in node("status").out)
    node.until(lambda: node("call", "greeting.v1").code == 0)
    assert node.state_of("hq/hello") == "satisfied, isolated"
    assert (node.agent.poll(), node.pid_of(HELLO)) == (None, pid)


def test_an_agent_that_is_started_on_a_disk_that_takes_nothing_comes_up_and_goes_on_when_there_is_room(
    node: Node,
) -> None:
    """N5. It cannot even read what it knew; what its guard owns goes on meanwhile."""
    pid = node.pid_of(HELLO)
    node.agent.terminate()
    node.agent.communicate(timeout=WITHIN_S)
    node.agent = run(node.folder, file_bytes_max=0)
    told = node.until(lambda: (asked := node("status")).code != 0 and "cannot open the state" in asked.err and asked)
    assert "decides nothing" in told.err and "state.db" in told.err
    assert (node.agent.poll(), node.pid_of(HELLO)) == (None, pid)
    resource.prlimit(node.agent.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    node.until(lambda: (asked := node("status")).code == 0 and "hq/hello: satisfied, isolated" in asked.out)
    assert (node.agent.poll(), node.pid_of(HELLO)) == (None, pid)


def test_a_program_that_crashes_again_and_again_is_started_again_after_longer_pauses_and_at_last_left(
    node: Node,
) -> None:
    """Last in this file: it is left for a minute."""
    killed: set[int | None] = {None}
    for _ in range(5):
        # Told apart by its process: the first pause is shorter than it takes to ask what runs.
        node.until(lambda: node.answers(HELLO) not in killed)
        pid = node.pid_of(HELLO)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    told = node.until(lambda: [line for line in node("status").out.splitlines() if "failed on n1" in line])
    assert told[0].startswith(f"{HELLO} failed on n1: signal 9")
    assert node.state_of("hq/hello") == "not provided, isolated"
    pauses = [
        int(line.partition("again_in_ms=")[2].partition(",")[0])
        for line in node("events").out.splitlines()
        if "role.failed" in line
    ]
    assert pauses == [200, 400, 800, 1_600, 60_000]
