"""The part of placement that runs by itself: it follows the endpoints file, asks stores for lists, orders copies.

Theory of operation. Ten times a second the watch compares the stores that are listed with those that have joined the
ledger. One that is gone (or has moved) leaves it at once. One that is new is fenced and asked for its list, each in a
thread of its own; if it does not answer within `LIST_MS` it is asked again later, and meanwhile nobody waits for it.
Then whatever is short is copied, `COPIERS` at a time, and stores that are being drained and not needed are told so.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable
from urllib.parse import quote

from skerry.examples.programs.caller import Caller, Reply, Unanswered
from skerry.examples.programs.clock import boot_ms, wait_ms
from skerry.examples.programs.engine import Version, version_of, version_text
from skerry.examples.programs.ledger import CopyOrder, Ledger, Place
from skerry.examples.programs.messages import Refused
from skerry.examples.programs.surroundings import Peer, Surroundings

TURN_MS = 100
LIST_MS = 1_000
RETRY_MS = 500
COPY_MS = 3_000
COPIERS = 4
STORES_MAX = 64
PAGES_MAX = 1_000

Held = dict[str, tuple[int, str, Version]]


class Watch:
    """Keeps a ledger true to the stores. `lock` guards the ledger, for everybody."""

    def __init__(self, ledger: Ledger, lock: threading.Lock, around: Surroundings, fence: Callable[[], int]) -> None:
        self.busy: set[str] = set()
        self._ledger = ledger
        self._lock = lock
        self._around = around
        self._fence = fence
        self._caller = Caller()
        self._asked: set[str] = set()
        self._tried: set[str] = set()
        self._not_before_ms: dict[str, int] = {}
        self._orders: queue.Queue[CopyOrder] = queue.Queue(COPIERS)
        self._listed: tuple[Peer, ...] = ()
        self.rebuilt = False

    def start(self) -> None:
        """Begin, in threads of its own that end with the process."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()
        for _ in range(COPIERS):
            threading.Thread(target=self._copier, daemon=True).start()

    def all_joined(self) -> bool:
        """True if every listed store has told what it holds, so that what is not known does not exist."""
        return all(peer.key in self._ledger.places for peer in self._listed)

    def _run(self) -> None:
        while True:
            self._turn()
            wait_ms(TURN_MS)

    def _turn(self) -> None:
        self._listed = self._around.now().peers("store")[:STORES_MAX]
        listed = {peer.key: peer for peer in self._listed}
        with self._lock:
            for place in list(self._ledger.places.values()):
                peer = listed.get(place.key)
                if peer is None or peer.endpoint != place.endpoint:
                    self._ledger.leave(place.key)
                elif peer.draining != place.draining:
                    self._ledger.update(place._replace(draining=peer.draining))
            missing = [peer for key, peer in listed.items() if key not in self._ledger.places]
        for peer in missing:
            self._ask(peer)
        if not self.rebuilt and listed and listed.keys() <= self._tried:
            self.rebuilt = True
        if self.rebuilt:
            self._order_copies()
            self._release()

    def _may(self, what: str) -> bool:
        return boot_ms() >= self._not_before_ms.get(what, 0)

    def _later(self, what: str) -> None:
        if len(self._not_before_ms) > 4 * STORES_MAX:
            self._not_before_ms.clear()
        self._not_before_ms[what] = boot_ms() + RETRY_MS

    def _ask(self, peer: Peer) -> None:
        """Ask a store for its list, unless that is going on or has just failed."""
        if peer.endpoint not in self._asked and self._may(peer.endpoint):
            self._asked.add(peer.endpoint)
            threading.Thread(target=self._join, args=(peer,), daemon=True).start()

    def _join(self, peer: Peer) -> None:
        try:
            held = self._list(peer.endpoint)
            place = Place(peer.key, peer.instance, peer.node, peer.endpoint, peer.draining)
            with self._lock:
                self._ledger.join(place, held)
        except (Unanswered, Refused, ValueError, TypeError, KeyError) as error:
            self._later(peer.endpoint)
            _tell(f"store {peer.key} does not say what it holds: {error}")
        finally:
            self._tried.add(peer.key)
            self._asked.discard(peer.endpoint)

    def _list(self, endpoint: str) -> Held:
        """All that a store holds; raises `Unanswered`, or for nonsense `Refused`, ValueError, KeyError, TypeError."""
        held: Held = {}
        after = ""
        for _ in range(PAGES_MAX):
            reply = self._call(endpoint, "GET", f"/list?after={quote(after)}", b"", LIST_MS)
            if reply.status != 200:
                raise Unanswered(f"{endpoint} answers {reply.status}: {reply.error()}")
            page = reply.json()
            for name, size, sha, version in page["objects"]:
                held[str(name)] = (int(size), str(sha), version_of(str(version)))
                after = str(name)
            if not page["more"]:
                break
        return held

    def _order_copies(self) -> None:
        with self._lock:
            blocked = {place.key for place in self._ledger.places.values() if not self._may(place.endpoint)}
            for order in self._ledger.orders(COPIERS, self.busy, blocked):
                if not self._orders.full():
                    self.busy.add(order.name)
                    self._orders.put_nowait(order)

    def _copier(self) -> None:
        while True:
            order = self._orders.get()
            try:
                self._copy(order)
            except (Unanswered, Refused, ValueError, TypeError, KeyError) as error:
                self._later(order.target.endpoint)
                _tell(f"object {order.name} is not copied to {order.target.key}: {error}")
            finally:
                with self._lock:
                    self.busy.discard(order.name)
            # What is short is copied one after the other, without waiting for the next turn.
            self._order_copies()

    def _copy(self, order: CopyOrder) -> None:
        asked = {"name": order.name, "version": version_text(order.version), "from": order.source.endpoint}
        reply = self._call(order.target.endpoint, "POST", "/copy", _json(asked), COPY_MS)
        if reply.status not in (200, 201):
            raise Unanswered(f"{reply.status}: {reply.error()}")
        made = reply.json()
        version, sha, size = version_of(str(made["version"])), str(made["sha256"]), int(made["size"])
        with self._lock:
            # The source may have had a newer version than was asked for; then both have that one.
            self._ledger.has(order.name, version, sha, size, [order.source.key, order.target.key])

    def _release(self) -> None:
        """Tell stores that are being drained and hold nothing needed; repeated, for it counts a short while only."""
        with self._lock:
            draining = [place for place in self._ledger.places.values() if place.draining]
            going = [place for place in draining if self._ledger.dispensable(place.key)]
        for place in going:
            if self._may(f"release {place.key}"):
                self._later(f"release {place.key}")
                try:
                    self._call(place.endpoint, "POST", "/handed-over", b"", LIST_MS)
                except Unanswered as error:
                    _tell(f"store {place.key} does not hear that it may go: {error}")

    def _call(self, endpoint: str, method: str, path: str, body: bytes, within_ms: int) -> Reply:
        fence = [("Skerry-Fence", str(self._fence()))]
        return self._caller.call(endpoint, method, path, body=body, headers=fence, within_ms=within_ms)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _tell(line: str) -> None:
    sys.stderr.write(f"skerry-placement: {line}\n")
    sys.stderr.flush()
