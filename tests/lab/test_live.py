"""The screen for whoever breaks a site by hand: the client's stream, what keys do, and the terminal afterwards."""

from __future__ import annotations

import json
import os
import pty
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from skerry.lab.demo import live
from skerry.lab.demo.live import Site, Stream, keys, picture
from skerry.lab.site import Lab
from skerry.lab.state import LabError

WITHIN_S = 5.0


class Broken:
    """A lab of three nodes on which every verb is written down instead."""

    class state:
        """What it is made of."""

        nodes = {"n1": None, "n2": None, "n3": None}

    def __init__(self) -> None:
        self.done: list[str] = []

    def freeze(self, name: str) -> int:
        self.done.append(f"freeze {name}")
        return 4

    def thaw(self, name: str) -> int:
        raise LabError(f"{name}: nothing of it runs")

    def cut(self) -> dict[str, Any]:
        self.done.append("cut")
        return {"open": 2}

    def heal(self) -> dict[str, Any]:
        self.done.append("heal")
        return {"ok": True}

    def status(self) -> dict[str, Any]:
        instances = [{"instance": "hq/shop-files/store#1", "phase": "active"}]
        said = {
            "leader": "n1", "term": 3, "modes": {"hq": {"mode": "isolated"}},
            "members": [{"node": "n2", "instances": instances}],
        }  # fmt: skip
        rows = {name: {"state": "runs", "status": said} for name in ("n1", "n2")}
        return {"uplink": {"cut": True}, "nodes": {**rows, "n3": {"state": "frozen", "status": None}}}


@pytest.fixture
def broken() -> Broken:
    return Broken()


@pytest.fixture
def site(broken: Broken) -> Iterator[Site]:
    site = Site(cast(Lab, broken))
    site.start()
    yield site
    site.end()


def eventually(look: Callable[[], Any]) -> Any:
    until = time.monotonic() + WITHIN_S
    while not (found := look()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def shown(stream: Stream, site: Site) -> str:
    console = Console(width=120, height=24, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 - it is nothing
    console.print(picture(stream, site, (120, 24)))
    console.file.close()
    return console.export_text()


def written(log: Path, *marks: str) -> None:
    """Operations as a client logs them: a dot is fine, anything else the reason of a failure."""
    for mark in marks:
        added(log, json.dumps({"op": "put", "ok": mark == ".", "error": "" if mark == "." else mark}) + "\n")


def added(log: Path, text: str) -> None:
    with open(log, "a", encoding="utf-8") as file:
        file.write(text)


def test_the_stream_has_a_mark_for_each_request_and_none_for_what_came_late(tmp_path: Path) -> None:
    log = tmp_path / "client.jsonl"
    stream = Stream(log)
    stream.look()
    written(log, ".", ".", "nobody answers")
    added(log, json.dumps({"kind": "late", "ok": False, "op": "get"}) + "\n" + '{"op": "pu')
    stream.look()
    assert (stream.requests, stream.failed, list(stream.marks)) == (3, 1, [True, True, False])
    assert stream.text(10, 5).plain == "··✗"
    assert str(stream.text(10, 5).spans[-1].style) == "bold red"
    assert stream.text(2, 1).plain == "·✗", "the latest ones, where there is little room"
    added(log, 't", "ok": true, "error": ""}\n')
    stream.look()
    assert (stream.requests, stream.last_failure) == (4, "nobody answers")


def test_keys_choose_a_node_and_break_it(broken: Broken, site: Site) -> None:
    assert all(site.key(key) for key in ("f", "2", "f", "c", "h", "9", "x", ""))
    eventually(lambda: broken.done == ["freeze n1", "freeze n2", "cut", "heal"])
    assert site.chosen == "n2"
    assert not site.key("q")
    assert eventually(lambda: len(site.news) == 4 and site.news)[1] == "n2 falls silent: 4 processes stand still"


def test_what_cannot_be_done_is_said_and_the_show_goes_on(broken: Broken, site: Site) -> None:
    site.key("t")
    site.key("c")
    eventually(lambda: broken.done == ["cut"])
    assert site.news[0] == "n1: nothing of it runs"


def test_one_screen_shows_link_nodes_roles_and_keys(site: Site, tmp_path: Path) -> None:
    eventually(lambda: site.seen)
    written(tmp_path / "client.jsonl", ".", "late")
    stream = Stream(tmp_path / "client.jsonl")
    stream.look()
    text = shown(stream, site)
    assert "2 requests, 1 failed" in text and "last: late" in text
    assert "uplink cut" in text
    assert "▸1" in text and "n1 (3)" in text and "isolated" in text and "store#1" in text
    assert "frozen" in text
    assert live.KEYS in text


def test_the_terminal_is_as_it_was_whatever_happens() -> None:
    master, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with pytest.raises(ZeroDivisionError), keys(terminal) as pressed:  # noqa: PT012 - what happens in between is it
        during = termios.tcgetattr(terminal)
        assert not during[3] & termios.ICANON and during[3] & termios.ISIG
        assert pressed(0.01) == ""
        os.write(master, b"f")
        assert pressed(WITHIN_S) == "f"
        raise ZeroDivisionError
    assert termios.tcgetattr(terminal) == before
    os.close(master)
    os.close(terminal)
