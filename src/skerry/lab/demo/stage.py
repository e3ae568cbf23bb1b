"""What all acts share: the lab, the observer, waiting for something with a bound, and the timeline that a person reads.

An act does things by the lab's verbs and looks by the public APIs alone. It never measures time: it tells the observer
which moment this is (`mark`), and the observer, another process, says afterwards what came of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from skerry.lab import asking, building, interrupting, observer, processes, wires
from skerry.lab.demo.suspects import Suspect
from skerry.lab.draws import draw
from skerry.lab.site import Lab
from skerry.shell.clock import boot_ms

T = TypeVar("T")

LOOK_AGAIN_S = 0.1
WIDTH_ELSEWHERE = 140
"""Of tables that no terminal shows: what is kept in a file has no edge."""
FAILURES_AFTER_FAULT_MS = 10_000
"""A client's failures are expected only within this time after a fault."""
CLIENT = "till"
CLIENT_KNOWS = 3
BEAT_MS = 1_000
FAILED_CALL_S = 2.0


class DemoFailed(Exception):
    """Something did not come about; says what, and what was seen instead."""


class Stage:
    """One performance."""

    def __init__(self, lab: Lab, *, seed: int, as_json: bool) -> None:
        self.lab = lab
        self.seed = seed
        self.as_json = as_json
        self.console = Console(stderr=as_json, highlight=False)
        if not self.console.is_terminal:
            self.console = Console(stderr=as_json, highlight=False, width=WIDTH_ELSEWHERE)
        self.began_ms = boot_ms()
        self.found: dict[str, Any] = {}
        """Figures that an act read from the public API."""
        self.faults: set[str] = set()
        """Nodes that were frozen, slowed or killed."""
        self.off: set[str] = set()
        """Nodes that do not answer now, because of us."""
        self.held: dict[str, set[str]] = {}
        """What a node held when it fell silent, of what may run anywhere."""
        self.fences: dict[str, int] = {}
        """The fence that a node held when it fell silent, if it held what may not be double."""
        self.noes: dict[tuple[str, int], dict[str, Any]] = {}
        """Votes against a candidate from the voter's own experience, by voter and time: who falls silent later said
        them too."""
        self.slowed: set[tuple[str, str]] = set()
        """The node that was slowed, with the configuration that it ran: the others would not have that again."""
        self.suspect: Suspect | None = None
        """The same, and why that one."""
        self.ranked: list[dict[str, Any]] = []
        """Whom the leader ranked for what that has, and for its own of the same role."""
        self.given_up: list[str] = []
        """What safety the site gave up while it was cut off, in its leader's words, and when."""
        self.loaded: set[str] = set()
        """The nodes whose owners took memory away."""
        self.client: subprocess.Popen[bytes] | None = None
        self.without: str | None = None
        """The part that is left out in this performance."""
        self._observer: subprocess.Popen[bytes] | None = None

    @classmethod
    def spoken(cls, as_json: bool) -> Stage:
        """Somebody to say a last word, with no lab."""
        return cls(Lab(Path()), seed=0, as_json=as_json)

    # ---- the timeline ----

    def act(self, number: int, title: str) -> None:
        """An act begins."""
        if self.as_json:
            self._line({"act": number, "title": title, "at_ms": self._at_ms()})
        else:
            self.console.print(f"\n[bold]{number:>2}  {title}[/bold]")

    def say(self, text: str, **data: Any) -> None:
        """Something happened."""
        if self.as_json:
            self._line({"said": text, "at_ms": self._at_ms(), **data})
        else:
            self.console.print(f"    [dim]{self._at_ms() / 1_000:6.1f} s[/dim]  {text}", soft_wrap=True)

    def table(self, title: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Something to look at."""
        if self.as_json:
            self._line({"table": title, "at_ms": self._at_ms(), "columns": columns, "rows": rows})
            return
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="italic")
        for column in columns:
            table.add_column(column, overflow="fold")  # nothing is cut short, however narrow a terminal is
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        self.console.print(table)

    def line(self, value: dict[str, Any]) -> None:
        """One line of JSON, if that is wanted."""
        if self.as_json:
            self._line(value)

    def _line(self, value: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    def _at_ms(self) -> int:
        return boot_ms() - self.began_ms

    # ---- chance ----

    def draw(self, what: str, below: int) -> int:
        """A number that the seed decides, from 0."""
        return draw(self.seed, what, below=below)

    # ---- looking ----

    def names(self) -> list[str]:
        """All nodes of the lab that answer as far as we know."""
        return [name for name in self.lab.state.nodes if name not in self.off]

    def status(self, name: str) -> dict[str, Any]:
        """What a node says of itself and the site. Raises `DemoFailed` if it does not answer."""
        try:
            value: dict[str, Any] = self.lab.api(name).get("/v1/status", FAILED_CALL_S)
        except asking.Unanswered as error:
            raise DemoFailed(str(error)) from error
        return value

    def leader(self) -> dict[str, Any]:
        """What the site's leader says, if all that answer follow the same one. Raises `DemoFailed`."""
        follows = {self.status(name)["leader"] for name in self.names()}
        if len(follows) != 1 or None in follows or follows & self.off:
            raise DemoFailed(f"the nodes follow {sorted(map(str, follows))}")
        return self.status(follows.pop())

    def note_given_up(self, when: str, status: dict[str, Any]) -> None:
        """What the site gives up by its leader's status, for the last word."""
        if said := "; ".join(status["given_up"]):
            self.given_up.append(f"{when}: {said}")

    def until(self, what: str, look: Callable[[], T | None], within_s: float) -> T:
        """Wait until `look` gives something. Raises `DemoFailed` with what was waited for and what was seen last."""
        until_ms = boot_ms() + round(within_s * 1_000)
        why = ""
        with self._waiting(what):
            while True:
                try:
                    seen = look()
                except (DemoFailed, asking.Unanswered) as failed:
                    seen, why = None, f": {failed}"
                if seen is not None and seen is not False:
                    return seen
                if boot_ms() > until_ms:
                    raise DemoFailed(f"{what}: not within {within_s:.0f} s{why}{self.ended()}")
                self.watch()
                time.sleep(LOOK_AGAIN_S)

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        if self.as_json or not self.console.is_terminal:
            yield
            return
        with self.console.status(what):
            yield

    def watch(self) -> None:
        """What must go on does. Raises `DemoFailed`."""
        interrupting.heed()
        if self.client is not None and self.client.poll() is not None:
            raise DemoFailed(f"the client ended: {building.tail(self.lab.folder / 'client.log')}")
        if self._observer is not None and self._observer.poll() is not None:
            raise DemoFailed(f"the observer ended: {building.tail(self.lab.folder / 'observer.log')}")

    def ended(self) -> str:
        """Agents that are gone though nobody ended them, with the ends of their logs; empty if all are there."""
        known = self.lab.state.processes
        gone = [n for n in self.names() if (agent := known.get(f"agent {n}")) is not None and not agent.alive]
        return "".join(f"; the agent of {n} ended: {building.tail(self.lab.folder / f'{n}.log')}" for n in gone)

    # ---- the observer ----

    def start_observer(self) -> None:
        """Start watching. Raises `OSError`."""
        lab, folder = self.lab.state, self.lab.folder
        settings = {
            "lab": lab.id,
            "nodes": {name: place.api for name, place in lab.nodes.items()},
            "identity": str(building.operator(folder)),
            "client_log": str(folder / "client.jsonl"),
            "record": str(folder / "observed.jsonl"),
            "manager": lab.manager_api,
            "manager_ports": [lab.manager_uplink_port, lab.manager_api_port],
            "faulty_after_ms": FAILURES_AFTER_FAULT_MS,
        }
        (folder / "observer.json").write_text(json.dumps(settings))
        argv = [sys.executable, observer.__file__, str(folder / "observer.json")]
        log = folder / "observer.log"
        self._observer = processes.start(argv, lab=lab.id, cwd=folder, log=log, pipe=True)

    @property
    def watches(self) -> bool:
        """Whether the observer is there."""
        return self._observer is not None and self._observer.poll() is None

    def mark(self, name: str, **what: Any) -> int:
        """Let the observer note a moment; returns its boot-time. Before the fault that it names, never after."""
        if what.get("fault") and "node" in what:
            self.faults.add(what["node"])
        return int(self._command(f"mark {name} {json.dumps(what)}")["t_ms"])

    def fault(self, name: str, **what: Any) -> int:
        """A fault is about to hit, at whatever moment of a beat the seed draws; noted like any other (`mark`)."""
        time.sleep(self.draw(f"moment of {name}", BEAT_MS) / 1_000)
        return self.mark(name, fault=True, **what)

    def figures(self) -> dict[str, Any]:
        """What the observer has worked out by now."""
        return self._command("figures")

    def _command(self, line: str) -> dict[str, Any]:
        watching = self._observer
        assert watching is not None and watching.stdin is not None and watching.stdout is not None
        try:
            watching.stdin.write(line.encode() + b"\n")
            watching.stdin.flush()
            answer: dict[str, Any] = json.loads(watching.stdout.readline())
        except (OSError, ValueError) as error:
            raise DemoFailed(f"the observer ended: {building.tail(self.lab.folder / 'observer.log')}") from error
        return answer

    # ---- the client ----

    def client_argv(self, *words: str) -> list[str]:
        """The client's argument vector: three nodes that it knows, and its certificate."""
        lab = self.lab.state
        names = list(lab.nodes)
        first = self.draw("client", len(names))
        known = [names[(first + step) % len(names)] for step in range(min(CLIENT_KNOWS, len(names)))]
        identity = building.operator(self.lab.folder)
        urls = ",".join(f"https://{lab.nodes[name].api}" for name in known)
        tls = [str(identity / name) for name in ("cert.pem", "key.pem", "ca.pem")]
        argv = [sys.executable, "-m", "skerry.examples.programs.client", "--nodes", urls, "--tls", *tls]
        fence = ["--any-fence"] if self.without == "fence" else []
        return [*argv, "--name", CLIENT, "--seed", str(self.seed), *fence, *words]

    def start_client(self) -> None:
        """From now on somebody uses the service, ten times a second."""
        folder = self.lab.folder
        argv = self.client_argv("--log", str(folder / "client.jsonl"))
        lab, log = self.lab.state, folder / "client.log"
        self.client = processes.start(argv, lab=lab.id, cwd=folder, log=log, space=lab.space(wires.DESK))

    def unanswered(self, since_ms: int) -> list[dict[str, Any]]:
        """The client's operations that failed since a moment (boot-time), by its own log, oldest first."""
        log = (self.lab.folder / "client.jsonl").read_text()  # its last line may be half written
        lines = [
            line for line in map(json.loads, log[: log.rfind("\n") + 1].splitlines()) if line.get("kind") != "late"
        ]
        return [line for line in lines if not line["ok"] and line["t_mono_ms"] >= since_ms]

    def end_client(self) -> dict[str, Any]:
        """It has used it long enough; returns its summary. Raises `DemoFailed`."""
        client, self.client = self.client, None
        assert client is not None
        client.terminate()
        try:
            client.wait(10)
            summary: dict[str, Any] = json.loads((self.lab.folder / "client.log").read_text().splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
            raise DemoFailed(f"the client gave no summary: {building.tail(self.lab.folder / 'client.log')}") from error
        return summary
