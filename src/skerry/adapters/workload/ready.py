"""Waiting until a started program answers: an HTTP 200, or an open TCP port (configuration `ready`)."""

from __future__ import annotations

import asyncio

from skerry.core.stages.ir.model import Readiness
from skerry.ports.workload import WorkloadError

_ATTEMPT_S = 1.0
_PAUSE_S = 0.02
_ANSWER_BYTES = 1024


async def until_ready(readiness: Readiness, host: str, ports: dict[str, int]) -> None:
    """Return when it has answered properly. Raises `WorkloadError` if it has not within its time."""
    wanted = f"port {readiness.tcp_port!r} to open"
    if readiness.http_path is not None:
        wanted = f"200 at {readiness.http_path}"
    seen = "no answer"
    try:
        async with asyncio.timeout(readiness.within_ms / 1_000):
            while True:
                try:
                    async with asyncio.timeout(_ATTEMPT_S):
                        seen = await _attempt(readiness, host, ports)
                except (OSError, TimeoutError) as error:
                    seen = str(error) or "no answer"
                if not seen:
                    return
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise WorkloadError(
            f"not ready within {readiness.within_ms} ms: expected {wanted}, last seen: {seen}"
        ) from None


async def _attempt(readiness: Readiness, host: str, ports: dict[str, int]) -> str:
    """Nothing if it is ready, else what was seen instead. Raises `OSError`."""
    reader, writer = await asyncio.open_connection(host, ports[readiness.tcp_port or "main"])
    try:
        if readiness.http_path is None:
            return ""
        request = f"GET {readiness.http_path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        words = (await reader.read(_ANSWER_BYTES)).split(b"\r\n", 1)[0].split()
        if words[:1] and words[0].startswith(b"HTTP/1.") and words[1:2] == [b"200"]:
            return ""
        return f"{b' '.join(words)!r:.80}"
    finally:
        writer.close()
