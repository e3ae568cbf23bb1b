"""Holds over processes that really run (R4): a drained node is emptied while its site is cut off, and what a technician
pauses stays stopped when the link brings a newer intent (interleaving 46)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import processes
from skerry.lab.site import Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

UP_WITHIN_S = 120.0
VERB_WITHIN_S = 60.0
WITHIN_S = 120.0
HELLO = Path(__file__).parents[2] / "src" / "skerry" / "examples" / "hello"
INTENT, INSTANCE = "hq/hello", "hq/hello/hello#1"


def skerry(*words: str | Path, within_s: float = VERB_WITHIN_S, code: int = 0) -> str:
    """Run one verb."""
    done = subprocess.run(
        [sys.executable, "-m", "skerry", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
        env={**os.environ, "PYTHONPATH": processes.home()},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


class Shop:
    """A lab of three nodes that is to say hello."""

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(folder)
        self.folder = folder

    def at(self, node: str) -> tuple[str, str]:
        """Options that ask one node."""
        return ("--server", f"https://{self.lab.state.node(node).api}")

    def statuses(self) -> dict[str, dict[str, Any]]:
        """What each node says of its site."""
        return {name: self.lab.api(name).get("/v1/status") for name in self.lab.state.nodes}

    def until(self, what: str, holds: Callable[[dict[str, dict[str, Any]]], Any]) -> Any:
        """Wait for something in what the nodes say; returns it."""
        until = time.monotonic() + WITHIN_S
        while True:
            found = self.statuses()
            if held := holds(found):
                return held
            assert time.monotonic() < until, f"{what}: {json.dumps(found)[:4_000]}"
            time.sleep(0.2)

    def serves(self) -> bool:
        """Whether somebody who looks it up is answered."""
        done = subprocess.run(
            [sys.executable, "-m", "skerry", "call", "greeting.v1", *self.at("n1")],
            capture_output=True,
            timeout=VERB_WITHIN_S,
            check=False,
            env={**os.environ, "PYTHONPATH": processes.home(), "SKERRY_LAB": str(self.folder)},
        )
        return done.returncode == 0


def active(statuses: dict[str, dict[str, Any]]) -> list[str]:
    """The nodes on which it answers, as they say themselves."""
    return [name for name, status in statuses.items() if _own(name, status).get(INSTANCE) == "active"]


def running(statuses: dict[str, dict[str, Any]]) -> list[str]:
    """The nodes on which anything of it is."""
    return [name for name, status in statuses.items() if INSTANCE in _own(name, status)]


def _own(name: str, status: dict[str, Any]) -> dict[str, str]:
    return {i["instance"]: i["phase"] for m in status["members"] if m["node"] == name for i in m["instances"]}


def modes(statuses: dict[str, dict[str, Any]]) -> set[str]:
    return {mode["mode"] for status in statuses.values() for mode in status["modes"].values()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("lab") / "site"
    skerry("lab", "up", "--nodes", "3", "--folder", folder, within_s=UP_WITHIN_S)
    made = Shop(folder)
    known = made.lab.state.id
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKERRY_LAB", str(folder))
        skerry("apply", "-f", HELLO / "catalogue.yaml", "-f", HELLO / "intent.yaml")
        made.until("hello answers", active)
        yield made
    skerry("lab", "down", "--folder", folder)
    assert processes.found(known) == []


def test_r4_a_node_is_drained_while_cut_off_and_what_it_held_is_served_elsewhere(shop: Shop) -> None:
    skerry("lab", "cut")
    shop.until("isolated", lambda seen: modes(seen) == {"isolated"})
    (holder,) = shop.until("one holder", active)
    other = next(name for name in shop.lab.state.nodes if name != holder)
    skerry("drain", holder, "--why", "new disk", *shop.at(other))
    (successor,) = shop.until("it moved", lambda seen: active(seen) if holder not in running(seen) else None)
    assert successor != holder
    assert shop.serves()
    screen = skerry("status", *shop.at(holder))
    assert f"drained: {holder}, by admin at {other} since" in screen
    assert "new disk" in screen
    skerry("resume", holder, *shop.at(holder))
    assert "drained:" not in skerry("status", *shop.at(holder))
    skerry("lab", "heal")
    shop.until("connected", lambda seen: modes(seen) == {"connected"})
    assert active(shop.statuses()) == [successor], "healthy work is not moved back"


def test_r4_what_is_paused_while_cut_off_stays_stopped_when_a_newer_intent_comes(shop: Shop, tmp_path: Path) -> None:
    newer = tmp_path / "intent.yaml"
    newer.write_text((HELLO / "intent.yaml").read_text().replace("20/s", "30/s"))
    skerry("lab", "cut")
    shop.until("isolated", lambda seen: modes(seen) == {"isolated"})
    skerry("pause", "hello", "--why", "hands in it", *shop.at("n2"))
    shop.until("it stopped", lambda seen: not running(seen))
    skerry("apply", "-f", newer)  # at head office, which has heard of nothing
    skerry("lab", "heal")
    shop.until("the newer one is here", lambda seen: generations(seen) == {2} and modes(seen) == {"connected"})
    assert "hq/hello: paused" in skerry("status", *shop.at("n1"))
    held = f"held at the site itself: {INTENT}@n2, by admin: hands in it"
    until = time.monotonic() + WITHIN_S
    while held not in (said := skerry("resume", "hello", code=1)):  # head office hears of it with the next question
        assert time.monotonic() < until, said
    assert running(shop.statuses()) == []
    skerry("resume", "hello", "--override", f"{INTENT}@n2")
    shop.until("it answers", active)


def test_l6_an_operator_has_another_lead_and_nothing_is_restarted(shop: Shop) -> None:
    before = shop.until("it answers", answering)
    (leader,) = {status["leader"] for status in shop.until("one leader", one_leader).values()}
    to = next(name for name in sorted(shop.lab.state.nodes) if name != leader)
    assert skerry("hand-over", to).startswith(f"{to} leads, term ")
    shop.until("all follow", lambda seen: {s["leader"] for s in seen.values()} == {to})
    assert answering(shop.statuses()) == before


def one_leader(statuses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]] | None:
    return statuses if len({status["leader"] for status in statuses.values()} - {None}) == 1 else None


def answering(statuses: dict[str, dict[str, Any]]) -> set[tuple[str, str, int]]:
    """Where it answers, and since when, as each node says of itself."""
    return {
        (name, i["endpoint"], i["since_wall_ms"])
        for name, status in statuses.items()
        for m in status["members"]
        for i in m["instances"]
        if m["node"] == name and i["phase"] == "active"
    }


def generations(statuses: dict[str, dict[str, Any]]) -> set[int]:
    return {f["generation"] for status in statuses.values() for f in status["functionalities"]}
