"""The role `placement`, one at a time: decides which two stores, on two nodes, hold an object, and keeps it so.

- `POST /place` {name, size, avoid: [key]}: two stores, and the version that the object will have
- `POST /confirm` {name, version, sha256, size, stores: [key]}: both copies are written
- `GET /where/NAME`: version, checksum and the stores that have it
- `GET /stats`, `GET /healthz`, `GET /drained`; `POST /probe/decide` for measuring

It keeps nothing on disk: at its start it fences every store (X9), asks what it holds, and answers decisions with 503
and `Retry-After` until each has answered or was given its second. Its fence stands in every answer; decisions of a
placement with a lower one are worth nothing to stores, intakes and clients. While a listed store has not told what it
holds, an unknown object is answered with 503 and not 404: nobody knows yet.

Still ugly: a put that was written and never confirmed is found at the next start only, or when its store comes back.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import TextIO

from skerry.examples.programs.clock import boot_ms
from skerry.examples.programs.copying import Watch
from skerry.examples.programs.engine import OBJECTS_MAX, version_of, version_text
from skerry.examples.programs.ledger import COPIES, Entry, Ledger, Place, choose
from skerry.examples.programs.messages import Answer, Refused, Request, json_answer, object_name, whole
from skerry.examples.programs.service import arguments, common, copies_argument, fence_argument, serve
from skerry.examples.programs.surroundings import Surroundings

DECISIONS = ("place", "confirm", "where")
RETRY = [("Retry-After", "1")]
STORES_MAX = 64
PROBE_OBJECTS_MAX = 1_000


class Placement:
    """Decides for one term of office, named by its fence."""

    def __init__(self, fence: int | None, copies: int = COPIES, notes: TextIO | None = None) -> None:
        """Without a fence of its own, the endpoints file's counts. `notes`: where each decision is written down."""
        self._copies = copies
        self._notes = notes
        self._own_fence = fence
        self._around = Surroundings()
        self._lock = threading.Lock()
        self._noting = threading.Lock()
        self._ledger = Ledger(copies)
        self._scratch = Ledger()
        self._watch = Watch(self._ledger, self._lock, self._around, self.fence)
        self._number = 0
        self._decisions = 0
        self._refused = 0

    def fence(self) -> int:
        """The number that this placement's decisions bear."""
        return self._around.now().fence if self._own_fence is None else self._own_fence

    def start(self) -> None:
        """Begin to follow the stores."""
        self._watch.start()

    def handle(self, request: Request) -> Answer:
        """Answer one request, with the fence in every answer, refusals too."""
        fence = ("Skerry-Fence", str(self.fence()))
        try:
            answer = self._answer(request)
            self._note(request, answer)
        except Refused as refusal:
            raise Refused(refusal.status, refusal.reason, [fence, *refusal.headers]) from refusal
        return answer._replace(headers=(*answer.headers, fence))

    def _note(self, request: Request, answer: Answer) -> None:
        """Whoever was told what by which fence, for those who want to know whether two ever decided at once."""
        if self._notes is None or request.parts[0] not in DECISIONS:
            return
        line = {"t_ms": boot_ms(), "fence": self.fence(), "what": request.parts[0], "status": answer.status}
        with self._noting, contextlib.suppress(OSError):  # a full disk stops the notes and not the decisions
            self._notes.write(json.dumps(line) + "\n")
            self._notes.flush()

    def _answer(self, request: Request) -> Answer:
        match (request.method, request.parts):
            case ("POST", ("place",)):
                return self._place(request)
            case ("POST", ("confirm",)):
                return self._confirm(request)
            case ("GET", ("where", name)):
                return self._where(object_name(name))
            case ("GET", ("stats",)):
                return self._stats()
            case ("POST", ("probe", "decide")):
                return self._probe(request)
            case _:
                return common(request, drained=True)

    def _place(self, request: Request) -> Answer:
        self._check_rebuilt()
        asked = request.json()
        name, avoid = object_name(str(asked.get("name", ""))), _keys(asked.get("avoid", []))
        with self._lock:
            if len(self._ledger.entries) >= OBJECTS_MAX and name not in self._ledger.entries:
                raise Refused(507, f"{OBJECTS_MAX} objects are placed; no more are taken")
            chosen = choose(self._ledger.places.values(), avoid, self._decisions, self._copies)
            if len(chosen) < self._copies:
                why = f"{self._copies} copies need stores on as many nodes, and there are not as many"
                raise Refused(503, why, RETRY)
            self._decisions += 1
            self._number = max(self._number, self._newest_number(name)) + 1
            version = (self.fence(), self._number)
        return json_answer({"name": name, "version": version_text(version), "stores": [_told(one) for one in chosen]})

    def _newest_number(self, name: str) -> int:
        """The number of this object's version if it bears this fence: a restart under one fence goes on above."""
        entry = self._ledger.entries.get(name)
        return entry.version[1] if entry is not None and entry.version[0] == self.fence() else 0

    def _confirm(self, request: Request) -> Answer:
        self._check_rebuilt()
        asked = request.json()
        fence = whole(request.headers, "Skerry-Fence")
        if fence != self.fence():
            self._refused += 1
            raise Refused(412, f"the decision bears fence {fence}; this placement's is {self.fence()}")
        name, version = object_name(str(asked.get("name", ""))), version_of(str(asked.get("version", "")))
        size, keys = asked.get("size"), _keys(asked.get("stores"))
        if not isinstance(size, int) or not keys:
            raise Refused(400, "expected a size in bytes and the keys of the stores that have it")
        with self._lock:
            self._ledger.has(name, version, str(asked.get("sha256", ""))[:64], size, keys)
        return json_answer({"name": name, "version": version_text(version)})

    def _where(self, name: str) -> Answer:
        self._check_rebuilt()
        with self._lock:
            entry = self._ledger.entries.get(name)
            holders = self._ledger.holders(entry) if entry else []
            complete = self._watch.all_joined()
        if entry is None and complete:
            raise Refused(404, f"no object {name}")
        if entry is None or not holders:
            raise Refused(503, f"no store that is here has said that it holds {name}", RETRY)
        return json_answer(_placed(entry, holders))

    def _check_rebuilt(self) -> None:
        if not self._watch.rebuilt:
            raise Refused(503, "the stores are being asked what they hold", RETRY)

    def _stats(self) -> Answer:
        with self._lock:
            held = dict.fromkeys(self._ledger.places, 0)
            for entry in self._ledger.entries.values():
                for key in entry.holders & held.keys():
                    held[key] += 1
            value = {
                "objects": len(self._ledger.entries),
                "under_replicated": len(self._ledger.short),
                "copying": len(self._watch.busy),
                "rebuilt": self._watch.rebuilt,
                "stores": held,
                "decisions": self._decisions,
                "fence": self.fence(),
                "refused_fence": self._refused,
            }
        return json_answer(value)

    def _probe(self, request: Request) -> Answer:
        """The work of one decision and its confirmation, on a scratch map and stores that the probe made up."""
        asked = request.json()
        name = object_name(str(asked.get("name", "")))
        places = [Place(key, key, key, "", draining=False) for key in sorted(_keys(asked.get("stores")))]
        with self._lock:
            if len(self._scratch.entries) >= PROBE_OBJECTS_MAX:
                self._scratch = Ledger()
            self._scratch.places = {place.key: place for place in places}
            chosen = choose(places, (), len(self._scratch.entries))
            if not chosen:
                raise Refused(400, "expected the keys of made-up stores")
            self._scratch.has(name, (0, 0), "", 0, [place.key for place in chosen])
        return json_answer({"name": name, "stores": [_told(place) for place in chosen]})


def _told(place: Place) -> dict[str, str]:
    return {"key": place.key, "instance": place.instance, "node": place.node, "endpoint": place.endpoint}


def _placed(entry: Entry, holders: list[Place]) -> dict[str, object]:
    stores = [_told(place) for place in holders]
    return {"version": version_text(entry.version), "sha256": entry.sha, "size": entry.size, "stores": stores}


def _keys(value: object) -> frozenset[str]:
    """Keys of stores from a request; refuses anything else than a short list of texts with 400."""
    if not isinstance(value, list) or len(value) > STORES_MAX or not all(isinstance(key, str) for key in value):
        raise Refused(400, f"expected a list of at most {STORES_MAX} keys of stores")
    return frozenset(key[:200] for key in value)


def main(argv: list[str] | None = None) -> int:
    """Run placement until a signal ends it; returns the exit code."""
    parser = arguments("placement", "decide which stores hold an object, and keep two copies of each")
    parser.add_argument(
        "--fence", type=fence_argument, default=os.environ.get("SKERRY_FENCE"), help="number of this term"
    )
    parser.add_argument("--copies", type=copies_argument, default=COPIES, help=f"of each object (default: {COPIES})")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="where to write each decision down, with its fence")
    options = parser.parse_args(argv)
    notes = open(options.notes, "a", encoding="utf-8") if options.notes else None  # noqa: SIM115 - for its whole life
    placement = Placement(options.fence, options.copies, notes)
    return serve("placement", options.listen, placement.handle, background=placement.start, close=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
