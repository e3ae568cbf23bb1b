"""A client of the example: ten operations a second, one at a time, each written down; later it checks what it was told.

It knows the addresses of a few nodes, finds the service by look-up, and looks again after a failure or when an answer
says that the instance is about to go; one that is about to go serves until another is found. It puts a new small file
and gets an earlier acknowledged one, in turn. Nothing is ever tried twice in silence: what fails is a failure, and the
next operation comes at the usual time, or at once if that is over. It refuses answers that bear a lower fence than it
has seen (X9), and counts them; also those that come long after it has given the operation up, from a machine that had
stood still (a line of kind `late` in the log).

Each operation is one JSON line of the log, stamped when it ended: `t_wall_ms`, `t_mono_ms` (boot-time), `op`, `name`,
`sha`, `ok`, `status`, `error`, `instance`, `node`, `fence`, `ms`. What it draws comes from `--seed` alone. At the end a
summary is printed. With `--verify LOG` a fresh client reads back every object that the log says was acknowledged
(`verifying`).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from skerry.examples.programs.caller import Caller, Reply, Unanswered
from skerry.examples.programs.clock import boot_ms, wall_ms
from skerry.examples.programs.engine import sha256
from skerry.examples.programs.finding import Finder, Service, tls_context
from skerry.examples.programs.messages import Refused, whole
from skerry.examples.programs.use import CLIENT_NAME, Seconds
from skerry.examples.programs.verifying import verify

INTERFACE = "object-store.v1"
OPERATION_MS = 2_000
SIZE_MIN_BYTES, SIZE_MAX_BYTES = 1024, 16 * 1024
ACKNOWLEDGED_MAX = 100_000


class Outcome(NamedTuple):
    """How an operation ended."""

    ok: bool
    status: int = 0
    error: str = ""
    fence: int | None = None
    draining: bool = False


class Client:
    """Uses the service, and keeps account."""

    def __init__(self, name: str, seed: int, finder: Finder, log: TextIO, *, any_fence: bool = False) -> None:
        """`any_fence`: believe every answer, for comparison."""
        self._any_fence = any_fence
        self._lock = threading.Lock()
        self._name = name
        self._seed = seed
        self._finder = finder
        self._log = log
        self._caller = Caller(late=self._came_late)
        self._service: Service | None = None
        self._leaving = False
        """It has said that it is about to go."""
        # Two runs with one seed and one name must not meet each other's objects.
        self._run = f"{wall_ms():x}"
        self._number = 0
        self._acknowledged: list[tuple[str, str]] = []
        self._highest = 0
        self._last_ok_ms: int | None = None
        self._fine, self._failed = Seconds(), Seconds()
        self._counts = dict.fromkeys(("requests", "ok", "failed", "acknowledged", *COUNTED.values()), 0)
        self._longest_gap_ms = 0

    def step(self) -> None:
        """One operation, look-up included if one is due."""
        if self._service is None or self._leaving:
            self._service = self._finder.find() or self._service
        self._number += 1
        begun_ms = boot_ms()
        if self._number % 2 or not self._acknowledged:
            op, name, sha, outcome = "put", *self._put()
        else:
            op, name, sha, outcome = "get", *self._get()
        self._account(op, name, sha, outcome, boot_ms() - begun_ms)
        self._leaving = outcome.draining
        if self._service is not None and (outcome.draining or not outcome.ok):
            self._finder.avoid(self._service.endpoint)
            self._service = self._service if outcome.ok else None

    def summary(self) -> dict[str, Any]:
        """What the run came to. Seconds of use are those with an answered operation and no failed one (H5)."""
        used = self._fine.members() - self._failed.members()
        return {
            "client": self._name,
            "seed": self._seed,
            **self._counts,
            "lookups": self._finder.lookups,
            "late_lookups": self._finder.late,
            "longest_gap_ms": self._longest_gap_ms,
            "fence": self._highest,
            "seconds_of_use": len(used),
            "seconds_ok": self._fine.ranges,
            "seconds_failed": self._failed.ranges,
        }

    def _put(self) -> tuple[str, str, Outcome]:
        name = f"{self._name}-{self._run}-{self._number:07}"
        size = SIZE_MIN_BYTES + self._draw("size") % (SIZE_MAX_BYTES - SIZE_MIN_BYTES + 1)
        body = hashlib.shake_256(f"{self._seed}/{self._number}/body".encode()).digest(size)
        sha = sha256(body)
        outcome = self._call("PUT", name, body, [("Skerry-Sha256", sha)])[0]
        if outcome.ok:
            self._counts["acknowledged"] += 1
            self._acknowledged.append((name, sha))
            del self._acknowledged[:-ACKNOWLEDGED_MAX]
        return name, sha, outcome

    def _get(self) -> tuple[str, str, Outcome]:
        name, sha = self._acknowledged[self._draw("which") % len(self._acknowledged)]
        outcome, reply = self._call("GET", name, b"", [])
        if outcome.ok and reply is not None and sha256(reply.body) != sha:
            outcome = outcome._replace(ok=False, error="wrong content")
        return name, sha, outcome

    def _call(
        self, method: str, name: str, body: bytes, headers: list[tuple[str, str]]
    ) -> tuple[Outcome, Reply | None]:
        if self._service is None:
            return Outcome(ok=False, error="no node knows the service"), None
        headers = [("Skerry-Client", self._name), *headers]
        try:
            reply = self._caller.call(
                self._service.endpoint, method, f"/o/{name}", body=body, headers=headers, within_ms=OPERATION_MS
            )
            fence = whole(reply.headers, "Skerry-Fence")
        except (Unanswered, Refused) as failure:
            return Outcome(ok=False, error=str(failure)[:300]), None
        draining = "skerry-draining" in reply.headers
        if fence is not None and fence < self._highest and not self._any_fence:
            return Outcome(ok=False, status=reply.status, error="late", fence=fence, draining=draining), None
        self._highest = max(self._highest, fence or 0)
        ok = reply.status == (201 if method == "PUT" else 200)
        error = "" if ok else "missing" if reply.status == 404 else reply.error() or f"status {reply.status}"
        return Outcome(ok, reply.status, error, fence, draining), reply

    def _account(self, op: str, name: str, sha: str, outcome: Outcome, ms: int) -> None:
        now_ms, now_wall_ms = boot_ms(), wall_ms()
        self._counts["requests"] += 1
        self._counts["ok" if outcome.ok else "failed"] += 1
        if outcome.error in COUNTED:
            self._counts[COUNTED[outcome.error]] += 1
        (self._fine if outcome.ok else self._failed).add(now_wall_ms // 1_000)
        if outcome.ok:
            if self._last_ok_ms is not None:
                self._longest_gap_ms = max(self._longest_gap_ms, now_ms - self._last_ok_ms)
            self._last_ok_ms = now_ms
        line = {
            "t_wall_ms": now_wall_ms, "t_mono_ms": now_ms, "op": op, "name": name, "sha": sha, "ok": outcome.ok,
            "status": outcome.status, "error": outcome.error, "fence": outcome.fence, "ms": ms,
            "instance": self._service.instance if self._service else None,
            "node": self._service.node if self._service else None,
        }  # fmt: skip
        self._write(line)

    def _came_late(self, method: str, path: str, reply: Reply) -> None:
        """An operation that was given up is answered after all, perhaps by a machine that had stood still."""
        with contextlib.suppress(Refused, Unanswered):
            fence = whole(reply.headers, "Skerry-Fence")
            if fence is None or fence >= self._highest:
                return
            line = {"t_mono_ms": boot_ms(), "op": method.lower(), "name": path.removeprefix("/o/"), "fence": fence}
            if self._any_fence and reply.status in (200, 201):
                sha = str(reply.json().get("sha256", "")) if method == "PUT" else sha256(reply.body)
                self._write({**line, "sha": sha, "ok": True, "status": reply.status, "error": ""})
            else:
                self._write({"kind": "late", **line, "ok": False, "status": reply.status, "highest": self._highest})

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()

    def _draw(self, what: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{self._number}/{what}".encode()).digest()[:8], "big")


COUNTED = {"wrong content": "wrong_answers", "missing": "missing_answers", "late": "late_answers"}
"""Kinds of failure that are counted by themselves."""


def run(client: Client, rate: int, for_ms: int | None) -> None:
    """Operations at a rate (a second), until a signal or the end of `for_ms`."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    start_ms = due_ms = boot_ms()
    while not ended.is_set() and (for_ms is None or boot_ms() - start_ms < for_ms):
        client.step()
        due_ms = max(due_ms + 1_000 // rate, boot_ms())
        ended.wait(max(0, due_ms - boot_ms()) / 1_000)


def main(argv: list[str] | None = None) -> int:
    """Use the service, or verify a log; prints one line of JSON and returns the exit code.

    0; 1 if acknowledged objects are lost or wrong; 2 if some could not be read, or the arguments are of no use.
    """
    parser = argparse.ArgumentParser(prog="skerry-client", description="use the example's service and keep account")
    parser.add_argument("--nodes", required=True, metavar="URL,URL,URL", help="nodes to ask where the service is")
    parser.add_argument("--tls", nargs=3, type=Path, metavar=("CERT", "KEY", "CA"), help="for asking the nodes")
    parser.add_argument("--name", default="client", help="the name under which use is metered (default: client)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="where to write each operation down")
    parser.add_argument("--rate", type=int, choices=range(1, 1001), default=10, metavar="N", help="operations a second")
    parser.add_argument("--seconds", type=float, help="how long (default: until SIGTERM)")
    parser.add_argument("--seed", type=int, default=1, help="what the files are drawn from (default: 1)")
    parser.add_argument("--verify", type=Path, metavar="LOG", help="read back what this log says was acknowledged")
    parser.add_argument("--any-fence", action="store_true", help="believe answers whose time is over; never do this")
    options = parser.parse_args(argv)
    if not CLIENT_NAME.fullmatch(options.name) or "/" in options.name or "@" in options.name:
        parser.error(f"--name {options.name!r}: expected letters, digits, '.', '_' or '-', 64 at most")
    try:
        tls = tls_context(*options.tls) if options.tls else None
        finder = Finder(options.nodes.split(","), INTERFACE, tls)
        if options.verify:
            result, code = verify(options.verify, finder)
        elif options.log:
            with open(options.log, "a", encoding="utf-8") as log:
                client = Client(options.name, options.seed, finder, log, any_fence=options.any_fence)
                run(client, options.rate, None if options.seconds is None else round(options.seconds * 1_000))
            result, code = client.summary(), 0
        else:
            parser.error("either --log or --verify is needed")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"skerry-client: {error}\n")
        return 2
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
