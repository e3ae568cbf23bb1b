"""What a workload answers, in good and in bad words: a program's nonsense is no fault of the agent's."""

from __future__ import annotations

import asyncio

import pytest

from skerry.shell.http_get import http_json

NONSENSE = {
    "no json": b"hello",
    "no object": b"[1]",
    "no text": b'{"clients":"\xff"}',
    "too deep": b'{"clients":' + b"[" * 100_000,
    "too large a number": b'{"clients":{"ann":1' + b"0" * 40 + b"}}",
}


def asked(status: bytes, body: bytes) -> dict[str, object]:
    """What `http_json` makes of a server that answers this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n" + body)
        writer.close()

    async def run() -> dict[str, object]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()[:2]
            return await http_json(f"{host}:{port}", "/use")

    return asyncio.run(run())


def test_an_object_is_read() -> None:
    assert asked(b"200 OK", b'{"clients":{"ann":{"seconds":3}}}') == {"clients": {"ann": {"seconds": 3}}}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_an_answer_that_cannot_be_read_or_kept_is_no_answer(body) -> None:
    assert asked(b"200 OK", body) == {}


@pytest.mark.parametrize("status", [b"503 Busy", b"9" * 5_000, b"-200", b"\xc2\xb2\xc2\xb0\xc2\xb0"])
def test_an_answer_with_another_status_is_no_answer(status: bytes) -> None:
    assert asked(status, b'{"clients":{}}') == {}
