"""Small HTTP questions to a workload, bounded in time and size."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from skerry.core.kernel.values import encode

WITHIN_S = 1.0
ANSWER_MAX_BYTES = 256 * 1024
STATUS_DIGITS = 3


async def http_get(endpoint: str, path: str, within_s: float = WITHIN_S) -> int | None:
    """The status of `GET http://<endpoint><path>`; None if nobody answers in time."""
    status, _ = await _ask(endpoint, path, within_s)
    return status


async def http_json(endpoint: str, path: str) -> dict[str, Any]:
    """The JSON object that a path answers with; empty if it does not."""
    status, body = await _ask(endpoint, path)
    return json_object(body) if status == 200 else {}


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a workload printed; empty if it is none, or could not be kept."""
    try:
        found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        encode(found)  # a number beyond 64 bits could not be kept
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return {}
    return found


async def open_port(endpoint: str, within_s: float = WITHIN_S) -> int | None:
    """200 if somebody listens, None if not: the check of a workload that speaks no HTTP."""
    host, _, port = endpoint.rpartition(":")
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
    except (OSError, TimeoutError, ValueError):
        return None
    return 200


async def _ask(endpoint: str, path: str, within_s: float = WITHIN_S) -> tuple[int | None, bytes]:
    host, _, port = endpoint.rpartition(":")
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(host, int(port), limit=ANSWER_MAX_BYTES)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.read(ANSWER_MAX_BYTES)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None, b""
    words = head.split(maxsplit=2)
    known = len(words) > 1 and len(words[1]) == STATUS_DIGITS and words[1].isdigit()
    return (int(words[1]), body) if known else (None, b"")
