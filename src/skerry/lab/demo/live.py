"""`--live`: the site on one screen, for whoever wants to break it by hand and watch its client meanwhile.

Left the client's stream, one mark a request, red where it failed; right every node and the link; below the keys. What a
key asks for, and what the nodes say, is done and asked beside the screen, so that it goes on while a machine is silent.
The terminal is as it was when this ends, however it ends.
"""

from __future__ import annotations

import json
import os
import queue
import select
import sys
import termios
import threading
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from skerry.lab import asking, interrupting
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.site import Lab
from skerry.lab.state import LabError

MARKS_MAX = 2_000
NEWS_MAX = 8
LOOK_EVERY_S = 0.7
DRAW_PER_SECOND = 5
KEYS = "1-9 choose a node · f freeze it · t thaw it · c cut the uplink · h heal it · q end"
FINE, FAILED = ("·", "green"), ("✗", "bold red")


class Stream:
    """The client's log, as it grows: one mark a request."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = 0
        self._rest = b""
        self.requests = self.failed = 0
        self.marks: deque[bool] = deque(maxlen=MARKS_MAX)
        self.last_failure = ""

    def look(self) -> None:
        """Take in what was added."""
        try:
            with open(self._log, "rb") as log:
                log.seek(self._at)
                added = log.read()
        except OSError:
            return  # there is no client yet
        self._at += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        for line in lines:
            one = json.loads(line)
            if one.get("kind", "op") == "op":
                self.requests += 1
                self.failed += not one["ok"]
                self.marks.append(bool(one["ok"]))
                self.last_failure = self.last_failure if one["ok"] else str(one["error"])

    def text(self, width: int, height: int) -> Text:
        """The latest marks, as many as there is room for."""
        text = Text()
        for fine in list(self.marks)[-max(width, 1) * max(height, 1) :]:
            text.append(*(FINE if fine else FAILED))
        return text


class Site:
    """What the lab looks like, and what is asked of it: both beside the screen, in a thread of their own."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._orders: queue.Queue[Callable[[], str] | None] = queue.Queue()
        self.chosen = next(iter(lab.state.nodes))
        self.names = list(lab.state.nodes)
        self.news: deque[str] = deque(maxlen=NEWS_MAX)
        self.seen: dict[str, Any] = {}
        self._worker = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin to look, and to do what is ordered."""
        self._worker.start()

    def end(self) -> None:
        """No more; what is being done is done to its end."""
        self._orders.put(None)
        self._worker.join()

    def key(self, key: str) -> bool:
        """What a key asks for; False if it ends the show. Keys that mean nothing are passed over."""
        name = self.chosen
        match key:
            case "q" | "Q" | "\x04":
                return False
            case digit if digit.isdecimal() and 0 < int(digit) <= len(self.names):
                self.chosen = self.names[int(digit) - 1]
            case "f":
                self._order(lambda: f"{name} falls silent: {self._lab.freeze(name)} processes stand still")
            case "t":
                self._order(lambda: f"{name} goes on: {self._lab.thaw(name)} processes")
            case "c":
                self._order(lambda: f"the uplink is cut; {self._lab.cut()['open']} connections hang")
            case "h":
                self._order(lambda: "the uplink forwards again" if self._lab.heal()["ok"] else "it does not heal")
            case _:
                pass
        return True

    def _order(self, do: Callable[[], str]) -> None:
        self._orders.put(do)

    def _work(self) -> None:
        while True:
            try:
                order = self._orders.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                order = self._look
            if order is None:
                return
            try:
                said = order()
            except (LabError, asking.Unanswered, OSError) as error:
                said = str(error)
            if said:
                self.news.append(said)

    def _look(self) -> str:
        self.seen = self._lab.status()
        return ""


def picture(stream: Stream, site: Site, size: tuple[int, int]) -> RenderableType:
    """One screen of so many columns and rows."""
    width, height = size
    layout = Layout()
    layout.split_column(Layout(name="above"), Layout(Text(KEYS, style="dim", no_wrap=True), name="below", size=1))
    layout["above"].split_row(Layout(name="client"), Layout(name="site"))
    served = f"{stream.requests} requests, {stream.failed} failed"
    failure = f"; last: {stream.last_failure}" if stream.last_failure else ""
    marks = stream.text(width // 2 - 4, height - 5)
    layout["client"].update(Panel(Group(marks, Text(failure, style="red", overflow="ellipsis")), title=served))
    link = "uplink cut" if site.seen.get("uplink", {}).get("cut") else "uplink forwards"
    news = Text("\n".join(site.news), style="yellow")
    layout["site"].update(Panel(Group(_nodes(site), Text(), news), title=link))
    return layout


def _nodes(site: Site) -> Table:
    table = Table("", "node", "state", "follows", "mode", "does", box=None, pad_edge=False, expand=True)
    for number, (name, row) in enumerate(site.seen.get("nodes", {}).items(), 1):
        said = row["status"] or {}
        mine: list[dict[str, Any]] = next((m["instances"] for m in said.get("members", ()) if m["node"] == name), [])
        does = " ".join(_short(one) for one in mine)
        modes = "/".join(sorted({mode["mode"] for mode in said.get("modes", {}).values()}))
        style = {"runs": "", "frozen": "blue"}.get(row["state"], "red")
        follows = f"{said['leader']} ({said['term']})" if said else ""
        chosen = "▸" if name == site.chosen else " "
        table.add_row(f"{chosen}{number}", name, row["state"], follows, modes, does, style=style)
    return table


def _short(instance: dict[str, Any]) -> str:
    name = instance["instance"].removeprefix(f"{INTENT}/")
    return str(name if instance["phase"] == "active" else f"{name}…")


@contextmanager
def keys(descriptor: int) -> Iterator[Callable[[float], str]]:
    """Single keys of a terminal, without waiting for the end of a line; Ctrl-C stays what it is. Gives a function that
    waits so many seconds for one, and returns an empty text if none came. Raises `termios.error` without a terminal."""
    before = termios.tcgetattr(descriptor)

    def pressed(within_s: float) -> str:
        if not select.select([descriptor], [], [], within_s)[0]:
            return ""
        return os.read(descriptor, 1).decode("ascii", "replace") or "\x04"

    try:
        tty.setcbreak(descriptor)
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def play(stage: Stage) -> None:
    """Until somebody ends it; afterwards everything is as it was, and the client is asked what it noticed. Raises
    `DemoFailed`."""
    stream, site = Stream(stage.lab.folder / "client.jsonl"), Site(stage.lab)
    console = Console(file=sys.stdout, highlight=False)
    site.start()
    try:
        with keys(sys.stdin.fileno()) as pressed, Live(console=console, screen=True, auto_refresh=False) as screen:
            while site.key(pressed(1 / DRAW_PER_SECOND)):
                interrupting.heed()
                stream.look()
                screen.update(picture(stream, site, console.size), refresh=True)
                if stage.client is not None and stage.client.poll() is not None:
                    raise DemoFailed("the client ended")
    finally:
        site.end()
    _put_right(stage)
    stage.say(f"the client made {stream.requests} requests, {stream.failed} failed")


def _put_right(stage: Stage) -> None:
    """Whoever reads back wants the whole site."""
    stage.lab.heal()
    for name, row in stage.lab.status()["nodes"].items():
        if row["state"] == "frozen":
            stage.lab.thaw(name)
            stage.say(f"{name} goes on")
