"""The role `intake`: the door for clients. It says yes to a put when two stores on two nodes have it on their disks.

- `PUT /o/NAME` (with `Skerry-Sha256` if the client wants its bytes checked), `GET`/`HEAD /o/NAME`
- `GET /use`: which client was served in which second (header `Skerry-Client`); `GET /stats`
- `GET /healthz`; `GET /drained`: 200 once no client has come for a second; `PUT /probe/o/NAME` for measuring

Without a placement it answers 503 at once. An operation takes at most `OPERATION_MS`, so that a client which waits
two seconds gets an answer: a store that fails or is silent is replaced by another within that time, and avoided for a
while. What a placement says whose fence is lower than one seen before is refused and counted (X9); clients get the
fence too. While it is being drained each answer says so, and clients look for another intake.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterable
from typing import NamedTuple

from skerry.examples.programs.caller import Caller, Reply, Unanswered
from skerry.examples.programs.clock import Deadline, boot_ms
from skerry.examples.programs.engine import sha256, version_of, version_text
from skerry.examples.programs.ledger import COPIES
from skerry.examples.programs.messages import Answer, Refused, Request, json_answer, object_name, whole
from skerry.examples.programs.service import arguments, common, copies_argument, serve
from skerry.examples.programs.surroundings import Peer, Surroundings
from skerry.examples.programs.use import Door

OPERATION_MS = 1_500
DECISION_MS = 500
STORE_MS = 600
TRIES_MAX = 3
AVOID_STORE_MS = 2_000
AVOID_PLACEMENT_MS = 250
FAIR_MS = 200
WRITTEN = (200, 201)
RETRY = [("Retry-After", "1")]


class Decision(NamedTuple):
    """What a placement said: under which fence, which version, which stores."""

    placement: Peer
    fence: int
    version: str
    stores: tuple[tuple[str, str], ...]
    """Key and endpoint of each."""


class Avoided:
    """Endpoints that have just failed, each for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until_ms: dict[str, tuple[int, str]] = {}

    def add(self, endpoint: str, length_ms: int, key: str = "") -> None:
        """Avoid it from now on; `key` is what placement calls it, if it is a store."""
        with self._lock:
            self._forget_old()
            self._until_ms[endpoint] = (boot_ms() + length_ms, key)

    def endpoints(self) -> set[str]:
        """What is to be avoided now."""
        with self._lock:
            self._forget_old()
            return set(self._until_ms)

    def keys(self) -> set[str]:
        """The stores that are to be avoided now, in the words of placement."""
        with self._lock:
            self._forget_old()
            return {key for _, key in self._until_ms.values() if key}

    def _forget_old(self) -> None:
        now_ms = boot_ms()
        self._until_ms = {endpoint: kept for endpoint, kept in self._until_ms.items() if kept[0] > now_ms}


class Intake:
    """Answers clients, with whatever placement and stores there are at the moment."""

    def __init__(self, copies: int = COPIES, *, any_fence: bool = False) -> None:
        """`copies`: what placement is expected to name. `any_fence`: take decisions of any fence, for comparison."""
        self._copies = copies
        self._any_fence = any_fence
        self._around = Surroundings()
        self._caller = Caller(late=self._came_late)
        self._door = Door()
        self._avoided = Avoided()
        self._lock = threading.Lock()
        self._highest = 0
        self._late = 0

    def handle(self, request: Request) -> Answer:
        """Answer one request; while this intake is being drained, every answer says so."""
        leaving = (("Skerry-Draining", "1"),) if self._around.now().draining else ()
        try:
            answer = self._answer(request)
        except Refused as refusal:
            raise Refused(refusal.status, refusal.reason, [*refusal.headers, *leaving]) from refusal
        return answer._replace(headers=answer.headers + leaving)

    def _answer(self, request: Request) -> Answer:
        match (request.method, request.parts):
            case ("PUT" | "GET", ("o", name)):
                return self._operation(object_name(name), request)
            case ("GET", ("use",)):
                return json_answer(self._door.use.report())
            case ("GET", ("stats",)):
                return json_answer({"fence": self._highest, "late_answers": self._late})
            case ("PUT", ("probe", "o", name)):
                return _probe(object_name(name), request)
            case _:
                return common(request, drained=self._door.quiet(boot_ms()), why="clients came within the last second")

    def _operation(self, name: str, request: Request) -> Answer:
        ok = False
        try:
            answer = self._put(name, request) if request.method == "PUT" else self._get(name)
            ok = True
            return answer
        finally:
            self._door.passed(request.headers.get("skerry-client"), boot_ms(), ok=ok)

    def _put(self, name: str, request: Request) -> Answer:
        deadline = Deadline(OPERATION_MS)
        sha = _checked_sha(request)
        failed: set[str] = set()
        for _ in range(TRIES_MAX):
            decision = self._decide(name, len(request.body), failed, deadline)
            if any(key in failed for key, _ in decision.stores):
                break
            statuses = self._write(decision, name, sha, request.body, deadline)
            if all(status in WRITTEN for status in statuses.values()):
                self._confirm(decision, name, sha, len(request.body), deadline)
                headers = [("Skerry-Fence", str(decision.fence)), ("Skerry-Version", decision.version)]
                value = {"name": name, "sha256": sha, "size": len(request.body), "version": decision.version}
                return json_answer(value, 201, headers)
            # A store that objects to the decision, by its fence or version, is well; another decision will do.
            failed |= {key for key, status in statuses.items() if status not in (*WRITTEN, 409, 412)}
        raise Refused(503, f"no two stores have taken it; failed: {', '.join(sorted(failed)) or 'none'}", RETRY)

    def _get(self, name: str) -> Answer:
        deadline = Deadline(OPERATION_MS)
        decision = self._ask(self._placement(), "GET", f"/where/{name}", b"", deadline)
        avoided = self._avoided.endpoints()
        reasons = []
        for key, endpoint in sorted(decision.stores, key=lambda store: store[1] in avoided):
            try:
                return _found(self._store(key, endpoint, "GET", name, deadline), decision)
            except (Unanswered, Refused) as error:
                reasons.append(f"{key}: {error}")
        raise Refused(503, f"no copy can be read: {'; '.join(reasons)}"[:600], RETRY)

    def _placement(self) -> Peer:
        """The placement to ask now; refuses with 503 if there is none, or it was silent a moment ago."""
        peers = self._around.now().peers("placement")
        if not peers:
            raise Refused(503, "there is no placement at the moment", RETRY)
        newest = max(peers, key=lambda peer: peer.fence)
        self._seen(newest.fence)
        if newest.endpoint in self._avoided.endpoints():
            raise Refused(503, "placement did not answer a moment ago", RETRY)
        return newest

    def _seen(self, fence: int) -> None:
        with self._lock:
            self._highest = max(self._highest, fence)

    def _ask(self, placement: Peer, method: str, path: str, body: bytes, deadline: Deadline) -> Decision:
        """Ask placement; refuses with 503 (or 404, 507, as placement does) and takes no answer of a lower fence."""
        within_ms = deadline.left_ms(DECISION_MS)
        headers = [("Skerry-Fence", str(placement.fence))]
        try:
            reply = self._caller.call(placement.endpoint, method, path, body=body, headers=headers, within_ms=within_ms)
            decision = _decision(placement, reply)
        except Unanswered as error:
            if within_ms >= FAIR_MS:
                self._avoided.add(placement.endpoint, AVOID_PLACEMENT_MS)
            raise Refused(503, f"placement does not answer: {error}", RETRY) from error
        with self._lock:
            if decision.fence < self._highest and not self._any_fence:
                self._late += 1
                raise Refused(503, f"placement's fence {decision.fence} is over; {self._highest} was seen", RETRY)
            self._highest = max(self._highest, decision.fence)
        if reply.status != 200:
            status = reply.status if reply.status in (404, 507) else 503
            raise Refused(status, f"placement answers {reply.status}: {reply.error()}", RETRY if status == 503 else ())
        return decision

    def _came_late(self, _method: str, _path: str, reply: Reply) -> None:
        """Somebody who stood still has answered after all: a placement whose time is over, by its fence."""
        with contextlib.suppress(Unanswered), self._lock:
            fence = _fence(reply)
            self._late += 0 < fence < self._highest

    def _decide(self, name: str, size: int, failed: set[str], deadline: Deadline) -> Decision:
        asked = {"name": name, "size": size, "avoid": sorted(self._avoided.keys() | failed)}
        decision = self._ask(self._placement(), "POST", "/place", json.dumps(asked).encode(), deadline)
        if len(decision.stores) != self._copies:
            raise Refused(503, f"placement named {len(decision.stores)} stores, expected {self._copies}", RETRY)
        return decision

    def _write(self, decision: Decision, name: str, sha: str, body: bytes, deadline: Deadline) -> dict[str, int]:
        """Write to all stores at once; returns what each has answered, 0 for nothing."""
        statuses = {key: 0 for key, _ in decision.stores}
        version = [("Skerry-Fence", str(decision.fence)), ("Skerry-Version", decision.version), ("Skerry-Sha256", sha)]

        def write(key: str, endpoint: str) -> None:
            with contextlib.suppress(Unanswered):
                reply = self._store(key, endpoint, "PUT", name, deadline, body, version)
                statuses[key] = reply.status
                if reply.status == 412:
                    self._seen(_fence(reply))

        first, *others = decision.stores
        threads = [threading.Thread(target=write, args=other, daemon=True) for other in others]
        for thread in threads:
            thread.start()
        write(*first)
        for thread in threads:
            thread.join()
        return statuses

    def _store(
        self,
        key: str,
        endpoint: str,
        method: str,
        name: str,
        deadline: Deadline,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Reply:
        """Call a store; one that had a fair time and is silent is avoided for a while. Raises `Unanswered`."""
        within_ms = deadline.left_ms(STORE_MS)
        try:
            return self._caller.call(endpoint, method, f"/o/{name}", body=body, headers=headers, within_ms=within_ms)
        except Unanswered:
            if within_ms >= FAIR_MS:
                self._avoided.add(endpoint, AVOID_STORE_MS, key)
            raise

    def _confirm(self, decision: Decision, name: str, sha: str, size: int, deadline: Deadline) -> None:
        keys = [key for key, _ in decision.stores]
        value = {"name": name, "version": decision.version, "sha256": sha, "size": size, "stores": keys}
        placement = decision.placement._replace(fence=decision.fence)
        self._ask(placement, "POST", "/confirm", json.dumps(value).encode(), deadline)


def _checked_sha(request: Request) -> str:
    sha = sha256(request.body)
    if request.headers.get("skerry-sha256", sha) != sha:
        raise Refused(400, "the header Skerry-Sha256 is not that of the body")
    return sha


def _fence(reply: Reply) -> int:
    try:
        return whole(reply.headers, "Skerry-Fence") or 0
    except Refused as refusal:
        raise Unanswered(refusal.reason) from refusal


def _decision(placement: Peer, reply: Reply) -> Decision:
    """What placement's answer says; without version and stores if it is a refusal. Raises `Unanswered` for nonsense."""
    value = reply.json()
    stores = value.get("stores", [])
    try:
        told = tuple((str(store["key"]), str(store["endpoint"])) for store in stores)
        version = version_of(str(value.get("version", "0.0")))
    except (KeyError, TypeError, Refused) as error:
        raise Unanswered("placement's answer makes no sense") from error
    return Decision(placement, _fence(reply), version_text(version), told)


def _found(reply: Reply, decision: Decision) -> Answer:
    """What a store sent, if it is whole and not older than placement said; refuses otherwise."""
    if reply.status != 200:
        raise Refused(503, f"{reply.status} {reply.error()}")
    version, sha = reply.headers.get("skerry-version", ""), reply.headers.get("skerry-sha256", "")
    if version_of(version) < version_of(decision.version) or sha256(reply.body) != sha:
        raise Refused(503, "the copy is old or damaged")
    fence = ("Skerry-Fence", str(decision.fence))
    return Answer(200, reply.body, (fence, ("Skerry-Version", version), ("Skerry-Sha256", sha)))


def _probe(name: str, request: Request) -> Answer:
    """What an intake does with a put by itself: take the bytes, check them, answer; nothing is stored."""
    sha = _checked_sha(request)
    return json_answer({"name": name, "sha256": sha, "size": len(request.body)}, 200)


def main(argv: list[str] | None = None) -> int:
    """Run an intake until a signal ends it; returns the exit code."""
    parser = arguments("intake", "take and give out objects")
    parser.add_argument("--copies", type=copies_argument, default=COPIES, help=f"of each object (default: {COPIES})")
    parser.add_argument(
        "--any-fence", action="store_true", help="believe a placement whose time is over; never do this"
    )
    options = parser.parse_args(argv)
    intake = Intake(options.copies, any_fence=options.any_fence)
    return serve("intake", options.listen, intake.handle, background=lambda: None, close=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
