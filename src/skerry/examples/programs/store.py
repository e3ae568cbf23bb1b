"""The role `store`: keeps objects durably, and obeys no placement whose time is over.

- `PUT /o/NAME` (headers `Skerry-Fence`, `Skerry-Version`, `Skerry-Sha256`), `GET`/`HEAD /o/NAME`
- `GET /list?after=NAME`: names, sizes, checksums and versions, `PAGE` at a time; `GET /stats`
- `POST /copy` {name, version, from}: fetch an object from another store
- `POST /handed-over`: placement says, again and again, that nothing here is needed any more
- `GET /healthz`, `GET /drained`; `PUT`/`GET /probe/SESSION/NAME`, `DELETE /probe/SESSION` for measuring

Fence (X9): the highest number that ever came is on the disk before the request is carried out; a request that bears a
lower one is refused with 412, and counted. A write without one is refused as well.

Probes write to an engine of the same kind on the same disk, in a folder of its own: they measure what clients get,
never meet clients' objects, and are gone after a few quiet seconds.

There is no DELETE for objects, and nobody is asked who they are: the example belongs on a network that is trusted.
"""

from __future__ import annotations

import bisect
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from skerry.examples.programs.caller import Caller, Unanswered, split_endpoint
from skerry.examples.programs.clock import boot_ms
from skerry.examples.programs.engine import (
    Engine,
    Record,
    sha256,
    version_of,
    version_text,
    write_durably,
)
from skerry.examples.programs.engine_files import FilesEngine
from skerry.examples.programs.engine_log import LogEngine
from skerry.examples.programs.messages import Answer, Refused, Request, json_answer, object_name, whole
from skerry.examples.programs.service import arguments, common, serve
from skerry.examples.programs.surroundings import Surroundings

ENGINES: dict[str, Callable[[Path], Engine]] = {"log": LogEngine, "files": FilesEngine}
PAGE = 1_000
COPY_MS = 2_000
HANDED_OVER_MS = 2_000
LIMIT_BYTES = 2 * 1024**3
PROBE_SESSIONS_MAX = 4
PROBE_BYTES_MAX = 64 * 1024**2
PROBE_QUIET_MS = 5_000
PROBE_NAME = re.compile(r"[a-z0-9]{1,32}")


class Fence:
    """The highest fence number that this store has seen, kept on its disk (X9)."""

    def __init__(self, folder: Path, *, any_goes: bool = False) -> None:
        """`any_goes`: refuse none, for comparison. Raises OSError, or ValueError if the file holds no number."""
        self._any_goes = any_goes
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = threading.Lock()
        self.refused = 0
        path = folder / "fence"
        self.highest = int(path.read_text()) if path.exists() else 0

    def admit(self, fence: int) -> None:
        """Raises what is known to this number, on disk; refuses a lower one with 412."""
        with self._lock:
            if fence > self.highest:
                try:
                    write_durably(".fence", str(fence).encode(), self._folder)
                    os.replace(".fence", "fence", src_dir_fd=self._folder, dst_dir_fd=self._folder)
                    os.fsync(self._folder)
                except OSError as error:
                    raise Refused(507, f"the fence cannot be written down: {error.strerror}") from error
                self.highest = fence
            if fence < self.highest and not self._any_goes:
                self.refused += 1
                reason = f"fence {fence} is over; {self.highest} was seen here"
                raise Refused(412, reason, [("Skerry-Fence", str(self.highest))])


class Probes:
    """Scratch engines for measuring, one a session, each removed when it is finished or was forgotten."""

    def __init__(self, folder: Path, engine: Callable[[Path], Engine]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self._engine = engine
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Engine, int]] = {}

    def handle(self, request: Request) -> Answer:
        """Answer what is asked below `/probe/`."""
        self.sweep()
        session = request.parts[1] if len(request.parts) > 1 else ""
        if not PROBE_NAME.fullmatch(session):
            raise Refused(400, "a probe's session is named by 1 to 32 small letters and digits")
        match (request.method, request.parts[2:]):
            case ("PUT", (name,)):
                engine = self._session(session)
                if engine.bytes_used() + len(request.body) > PROBE_BYTES_MAX:
                    raise Refused(507, f"a probe may write {PROBE_BYTES_MAX} bytes")
                sha = checked_sha(request)
                engine.put(object_name(name), version_of(request.headers.get("skerry-version", "")), sha, request.body)
                return Answer(201)
            case ("GET", (name,)):
                return read_object(self._session(session), name)
            case ("DELETE", ()):
                self._remove([session])
                return Answer(204)
            case _:
                raise Refused(404, "a probe may PUT and GET /probe/SESSION/NAME, and DELETE /probe/SESSION")

    def sweep(self) -> None:
        """Remove the sessions that nobody has used for a while."""
        with self._lock:
            now_ms = boot_ms()
            old = [name for name, (_, used_ms) in self._open.items() if now_ms - used_ms > PROBE_QUIET_MS]
        self._remove(old)

    def close(self) -> None:
        """Remove all sessions."""
        self._remove(list(self._open))

    def _session(self, name: str) -> Engine:
        with self._lock:
            if name in self._open:
                engine = self._open[name][0]
            elif len(self._open) >= PROBE_SESSIONS_MAX:
                raise Refused(503, f"{PROBE_SESSIONS_MAX} probes are running; try later")
            else:
                engine = self._engine(self._folder / name)
            self._open[name] = (engine, boot_ms())
            return engine

    def _remove(self, names: list[str]) -> None:
        for name in names:
            with self._lock:
                engine, _ = self._open.pop(name, (None, 0))
            if engine is not None:
                engine.close()
                shutil.rmtree(self._folder / name, ignore_errors=True)


class Store:
    """Answers for one folder of objects."""

    def __init__(
        self, folder: Path, engine: Callable[[Path], Engine], limit_bytes: int, *, any_fence: bool = False
    ) -> None:
        """Opens what the folder holds, or makes it; raises OSError or ValueError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._engine = engine(folder / "objects")
        self._fence = Fence(folder, any_goes=any_fence)
        self._probes = Probes(folder / "probe", engine)
        self._limit_bytes = limit_bytes
        self._around = Surroundings()
        self._caller = Caller()
        self._handed_over_ms: int | None = None
        self._copied = 0

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        match (request.method, request.parts):
            case ("PUT", ("o", name)):
                return self._put(object_name(name), request)
            case ("GET", ("o", name)):
                return read_object(self._engine, name)
            case ("GET", ("list",)):
                return self._list(request)
            case ("GET", ("stats",)):
                return self._stats()
            case ("POST", ("copy",)):
                return self._copy(request)
            case ("POST", ("handed-over",)):
                self._admit(request)
                self._handed_over_ms = boot_ms()
                return json_answer({"handed_over": True})
            case (_, ("probe", *_)):
                return self._probes.handle(request)
            case _:
                drained = not self._engine.index or self._released()
                return common(request, drained=drained, why="" if drained else "copies do not yet stand elsewhere")

    def close(self) -> None:
        """Let go of the disk."""
        self._probes.close()
        self._engine.close()

    def _released(self) -> bool:
        """True while this store is being drained and placement has just said that it may go."""
        said_ms = self._handed_over_ms
        return said_ms is not None and boot_ms() - said_ms < HANDED_OVER_MS and self._around.now().draining

    def _put(self, name: str, request: Request) -> Answer:
        self._admit(request)
        version = version_of(request.headers.get("skerry-version", ""))
        return self._keep(name, version, checked_sha(request), request.body)

    def _keep(self, name: str, version: tuple[int, int], sha: str, data: bytes) -> Answer:
        if self._released():
            raise Refused(503, "this store is being drained and takes no more")
        if self._engine.bytes_used() + len(data) > self._limit_bytes:
            raise Refused(507, f"this store may hold {self._limit_bytes} bytes; it takes no more")
        new = self._engine.put(name, version, sha, data)
        value = {"name": name, "version": version_text(version), "sha256": sha, "size": len(data)}
        return json_answer(value, 201 if new else 200)

    def _copy(self, request: Request) -> Answer:
        self._admit(request)
        asked = request.json()
        name = object_name(str(asked.get("name", "")))
        at_least = version_of(str(asked.get("version", "")))
        source = str(asked.get("from", ""))
        try:
            split_endpoint(source)
            reply = self._caller.call(source, "GET", f"/o/{name}", within_ms=COPY_MS)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        except Unanswered as error:
            raise Refused(502, f"the source does not answer: {error}") from error
        if reply.status != 200:
            raise Refused(502, f"the source answers {reply.status}: {reply.error()}")
        version, sha = version_of(reply.headers.get("skerry-version", "")), sha256(reply.body)
        if sha != reply.headers.get("skerry-sha256") or version < at_least:
            raise Refused(502, "the source sent another object than it said")
        answer = self._keep(name, version, sha, reply.body)
        self._copied += 1
        return answer

    def _admit(self, request: Request) -> None:
        fence = whole(request.headers, "Skerry-Fence")
        if fence is None:
            raise Refused(428, "a write needs the header Skerry-Fence")
        self._fence.admit(fence)

    def _list(self, request: Request) -> Answer:
        # Placement fences before it reads, so that no write which an older one allowed comes after its listing.
        if "skerry-fence" in request.headers:
            self._admit(request)
        index = self._engine.index
        names = sorted(index)
        start = bisect.bisect_right(names, request.query.get("after", ""))
        page = names[start : start + PAGE]
        objects = [[name, *_listed(index[name])] for name in page]
        return json_answer({"objects": objects, "more": start + PAGE < len(names), "fence": self._fence.highest})

    def _stats(self) -> Answer:
        self._probes.sweep()
        value = {
            "objects": len(self._engine.index),
            "bytes_used": self._engine.bytes_used(),
            "bytes_max": self._limit_bytes,
            "damaged": self._engine.damaged,
            "copied": self._copied,
            "fence": self._fence.highest,
            "refused_fence": self._fence.refused,
        }
        return json_answer(value)


def _listed(record: Record) -> tuple[int, str, str]:
    return record.size, record.sha, version_text(record.version)


def checked_sha(request: Request) -> str:
    """The checksum of a request's body, if it is the one that was announced; refuses with 400."""
    sha = sha256(request.body)
    if request.headers.get("skerry-sha256") != sha:
        raise Refused(400, "the header Skerry-Sha256 is missing or is not that of the body")
    return sha


def read_object(engine: Engine, name: str) -> Answer:
    """An object with its version and checksum; refuses with 404, or 500 if it is damaged."""
    record = engine.index.get(object_name(name))
    if record is None:
        raise Refused(404, f"no object {name} here")
    data = engine.read(name, record)
    return Answer(200, data, (("Skerry-Version", version_text(record.version)), ("Skerry-Sha256", record.sha)))


def main(argv: list[str] | None = None) -> int:
    """Run a store until a signal ends it; returns the exit code."""
    parser = arguments("store", "keep objects durably")
    parser.add_argument("--dir", required=True, type=Path, help="folder for the objects; made if it is not there")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="log", help="how they are kept (default: log)")
    parser.add_argument("--limit-bytes", type=int, default=LIMIT_BYTES, help="take no more than this (default: 2 GiB)")
    parser.add_argument("--any-fence", action="store_true", help="obey a placement whose time is over; never do this")
    options = parser.parse_args(argv)
    try:
        store = Store(options.dir, ENGINES[options.engine], options.limit_bytes, any_fence=options.any_fence)
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f"skerry-store: cannot use folder {options.dir}: {error}; give --dir a folder it may write to\n"
        )
        return 1
    return serve("store", options.listen, store.handle, background=lambda: None, close=store.close)


if __name__ == "__main__":
    sys.exit(main())
