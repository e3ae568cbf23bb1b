"""The role `migrate`, which nobody misses: walks through the stores and says what would better lie elsewhere.

Every few seconds it asks placement how it is and reads the stores' lists; `GET /stats` says what it found: objects and
bytes a store, and how many are large enough to be moved to a slower tier. It moves nothing.
`GET /healthz`, `GET /drained`; `POST /probe/scan` scans a list that the probe made up.
"""

from __future__ import annotations

import sys
import threading
from typing import Any
from urllib.parse import quote

from skerry.examples.programs.caller import Caller, Unanswered
from skerry.examples.programs.clock import wait_ms
from skerry.examples.programs.messages import Answer, Refused, Request, json_answer
from skerry.examples.programs.service import arguments, common, serve
from skerry.examples.programs.surroundings import Surroundings

ROUND_MS = 2_000
CALL_MS = 1_000
PAGES_MAX = 200
STORES_MAX = 64
LARGE_BYTES = 64 * 1024


class Migrate:
    """Walks, and tells what it saw."""

    def __init__(self) -> None:
        self._around = Surroundings()
        self._caller = Caller()
        self._rounds = 0
        self._found: dict[str, Any] = {}

    def start(self) -> None:
        """Begin to walk, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="walk", daemon=True).start()

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        match (request.method, request.parts):
            case ("GET", ("stats",)):
                return json_answer({"rounds": self._rounds, "found": self._found})
            case ("POST", ("probe", "scan")):
                try:
                    return json_answer(scan(request.json().get("objects")))
                except (TypeError, ValueError) as error:
                    raise Refused(400, f"expected a list as a store sends it: {error}") from None
            case _:
                return common(request, drained=True)

    def _run(self) -> None:
        while True:
            around = self._around.now()
            found: dict[str, Any] = {
                "placement": [self._placement(peer.endpoint) for peer in around.peers("placement")]
            }
            for peer in around.peers("store")[:STORES_MAX]:
                found[peer.key] = self._store(peer.endpoint)
            self._found = found
            self._rounds += 1
            wait_ms(ROUND_MS)

    def _placement(self, endpoint: str) -> dict[str, Any]:
        try:
            return self._caller.call(endpoint, "GET", "/stats", within_ms=CALL_MS).json()
        except Unanswered as error:
            return {"error": str(error)}

    def _store(self, endpoint: str) -> dict[str, Any]:
        total = {"objects": 0, "bytes": 0, "large": 0}
        after = ""
        try:
            for _ in range(PAGES_MAX):
                page = self._caller.call(endpoint, "GET", f"/list?after={quote(after)}", within_ms=CALL_MS).json()
                for field, count in scan(page.get("objects")).items():
                    total[field] += count
                if not page.get("more"):
                    break
                after = str(page["objects"][-1][0])
        except (Unanswered, TypeError, ValueError, LookupError) as error:
            return {**total, "error": str(error)}
        return dict(total)


def scan(objects: object) -> dict[str, int]:
    """Count a store's list; raises TypeError or ValueError if it is none."""
    if not isinstance(objects, list):
        raise TypeError("not a list of objects")
    sizes = [int(size) for _, size, _, _ in objects]
    return {"objects": len(sizes), "bytes": sum(sizes), "large": sum(size >= LARGE_BYTES for size in sizes)}


def main(argv: list[str] | None = None) -> int:
    """Run migrate until a signal ends it; returns the exit code."""
    options = arguments("migrate", "walk through the stores").parse_args(argv)
    migrate = Migrate()
    return serve("migrate", options.listen, migrate.handle, background=migrate.start, close=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
