"""Puts load on one of the example's programs and prints what it measured, as one line of JSON.

`probe store|intake|placement|migrate|hello --for 1s --at HOST:PORT`; the line is
`{"figures": {...}, "operations": n, "seconds": s}`. Rates are operations a second over all `WORKERS` connections,
latencies are milliseconds as a client sees them. What is measured:

- `store`: `putRate`, `putLatencyP95` (three fifths of the time) and `getRate` (the rest), with objects of 8 KiB,
  through the same engine and on the same disk as clients' objects, in a scratch folder that is removed
- `intake`: `requestRate`, puts of 8 KiB that the intake reads, checks and answers by itself; stores and placement have
  their own figures and are not in this one
- `placement`: `decideRate`, decisions entered in a scratch map, among four made-up stores
- `migrate`: `scanRate`, lists of 100 objects scanned
- `hello`: `requestRate`, greetings

So a trial and a check of a live instance measure the same, and neither meets clients' data. An operation that fails is
left out of the figures; a probe none of whose operations is answered says so and exits 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

from skerry.examples.programs.caller import Caller, Unanswered, split_endpoint
from skerry.examples.programs.clock import boot_us
from skerry.examples.programs.engine import sha256

WORKERS = 4
CALL_MS = 2_000
OBJECT_BYTES = 8 * 1024
SLOTS = 256
PUT_SHARE_PERCENT = 60
FOR_MS_MAX = 60_000
DURATION = re.compile(r"([0-9]{1,5})(ms|s)")

Operation = Callable[[Caller, int, int], bool]
"""Carries out the n-th operation of a worker; True if it was answered well."""


class Load(NamedTuple):
    """What one stretch of load came to: how long each good operation took, how many failed, how long it was."""

    taken_us: list[int]
    failed: int
    length_us: int

    def per_second(self) -> float:
        """Good operations a second."""
        return round(len(self.taken_us) * 1_000_000 / self.length_us, 1)

    def p95_ms(self) -> float:
        """The time within which 95 of 100 good operations were answered."""
        return round(sorted(self.taken_us)[(len(self.taken_us) * 95 - 1) // 100] / 1_000, 3)


class Nothing(Exception):
    """Not one operation was answered."""


def load(operation: Operation, for_ms: int) -> Load:
    """Carry out an operation again and again on `WORKERS` connections; raises `Nothing`."""
    start_us = boot_us()
    end_us = start_us + for_ms * 1_000
    taken: list[list[int]] = [[] for _ in range(WORKERS)]
    failures: list[str] = []
    caller = Caller()

    def work(worker: int) -> None:
        number = 0
        # Once at least: on a busy machine a short stretch may be over before a thread has begun.
        while (begun_us := boot_us()) < end_us or number == 0:
            try:
                good = operation(caller, worker, number)
            except Unanswered as error:
                good = False
                failures.append(str(error))
                # A program that is not there must not be asked a thousand times a second.
                pause.wait(0.01)
            if good:
                taken[worker].append(boot_us() - begun_us)
            number += 1

    pause = threading.Event()
    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    caller.close()
    all_taken = [one for each in taken for one in each]
    if not all_taken:
        raise Nothing(failures[0] if failures else "each operation was refused")
    return Load(all_taken, len(failures), boot_us() - start_us)


def probe_store(at: str, for_ms: int) -> tuple[dict[str, float], list[Load]]:
    """See the module's docstring; raises `Nothing`."""
    session = f"p{os.getpid()}x{boot_us()}"
    body = bytes(range(256)) * (OBJECT_BYTES // 256)
    sha = ("Skerry-Sha256", sha256(body))

    def put(caller: Caller, worker: int, number: int) -> bool:
        path = f"/probe/{session}/w{worker}-{number % SLOTS}"
        headers = [sha, ("Skerry-Version", f"0.{number}")]
        return caller.call(at, "PUT", path, body=body, headers=headers, within_ms=CALL_MS).status == 201

    def get(caller: Caller, worker: int, number: int) -> bool:
        reply = caller.call(at, "GET", f"/probe/{session}/w{worker}-{number % fewest}", within_ms=CALL_MS)
        return reply.status == 200 and reply.body == body

    try:
        puts = load(put, for_ms * PUT_SHARE_PERCENT // 100)
        fewest = max(1, min(SLOTS, len(puts.taken_us) // (4 * WORKERS)))
        gets = load(get, for_ms - for_ms * PUT_SHARE_PERCENT // 100)
    finally:
        _finish(at, f"/probe/{session}")
    figures = {"putRate": puts.per_second(), "putLatencyP95": puts.p95_ms(), "getRate": gets.per_second()}
    return figures, [puts, gets]


def _finish(at: str, path: str) -> None:
    """Remove what a probe left; a store that does not hear it removes it by itself a little later."""
    try:
        Caller().call(at, "DELETE", path, headers=[("Connection", "close")], within_ms=CALL_MS)
    except Unanswered as error:
        sys.stderr.write(f"the probe's objects are left for the store to remove: {error}\n")


def probe_intake(at: str, for_ms: int) -> tuple[dict[str, float], list[Load]]:
    """See the module's docstring; raises `Nothing`."""
    body = bytes(range(256)) * (OBJECT_BYTES // 256)
    sha = [("Skerry-Sha256", sha256(body))]

    def put(caller: Caller, worker: int, number: int) -> bool:
        reply = caller.call(at, "PUT", f"/probe/o/w{worker}-{number}", body=body, headers=sha, within_ms=CALL_MS)
        return reply.status == 200

    return _rate("requestRate", load(put, for_ms))


def probe_placement(at: str, for_ms: int) -> tuple[dict[str, float], list[Load]]:
    """See the module's docstring; raises `Nothing`."""

    def decide(caller: Caller, worker: int, number: int) -> bool:
        asked = {"name": f"w{worker}-{number}", "stores": ["a", "b", "c", "d"]}
        reply = caller.call(at, "POST", "/probe/decide", body=json.dumps(asked).encode(), within_ms=CALL_MS)
        return reply.status == 200

    return _rate("decideRate", load(decide, for_ms))


def probe_migrate(at: str, for_ms: int) -> tuple[dict[str, float], list[Load]]:
    """See the module's docstring; raises `Nothing`."""
    objects = [[f"object-{number:04}", number * 1_000, "0" * 64, f"1.{number}"] for number in range(100)]
    body = json.dumps({"objects": objects}).encode()

    def scan(caller: Caller, _worker: int, _number: int) -> bool:
        return caller.call(at, "POST", "/probe/scan", body=body, within_ms=CALL_MS).status == 200

    return _rate("scanRate", load(scan, for_ms))


def probe_hello(at: str, for_ms: int) -> tuple[dict[str, float], list[Load]]:
    """See the module's docstring; raises `Nothing`."""

    def greet(caller: Caller, _worker: int, _number: int) -> bool:
        return caller.call(at, "GET", "/", within_ms=CALL_MS).status == 200

    return _rate("requestRate", load(greet, for_ms))


def _rate(metric: str, one: Load) -> tuple[dict[str, float], list[Load]]:
    return {metric: one.per_second()}, [one]


PROBES = {
    "store": probe_store,
    "intake": probe_intake,
    "placement": probe_placement,
    "migrate": probe_migrate,
    "hello": probe_hello,
}


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as `1s` or `500ms`; raises ValueError."""
    found = DURATION.fullmatch(text)
    length_ms = int(found[1]) * (1 if found[2] == "ms" else 1_000) if found else 0
    if not 10 <= length_ms <= FOR_MS_MAX:
        raise ValueError(f"a duration from 10ms to {FOR_MS_MAX // 1_000}s was expected, {text!r} was found")
    return length_ms


def main(argv: list[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="skerry probe", description="measure one of the example's programs")
    parser.add_argument("program", choices=sorted(PROBES))
    parser.add_argument("--for", dest="for_ms", type=duration_ms, default=1_000, help="how long, such as 1s or 500ms")
    parser.add_argument("--at", required=True, metavar="HOST:PORT", help="where the program answers")
    given = sys.argv[1:] if argv is None else argv
    options = parser.parse_args(given[1:] if given[:1] == ["probe"] else given)  # a node calls it as `skerry probe ...`
    try:
        split_endpoint(options.at)
        figures, loads = PROBES[options.program](options.at, options.for_ms)
    except (Nothing, ValueError) as error:
        sys.stderr.write(f"skerry probe {options.program} at {options.at}: nothing was measured: {error}\n")
        return 1
    operations = sum(len(one.taken_us) for one in loads)
    seconds = round(sum(one.length_us for one in loads) / 1_000_000, 3)
    sys.stdout.write(json.dumps({"figures": figures, "operations": operations, "seconds": seconds}) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
