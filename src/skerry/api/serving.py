"""Serving HTTPS with uvicorn: certificates on both ends, and the caller's identity where a route can see it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from skerry.adapters.keys.tls import Identity, TlsFiles, peer_identity

BACKLOG = 128
CONNECTIONS_MAX = 64


class ApiError(Exception):
    """The API could not be opened; says where and why."""


class _KnowsItsPeer(H11Protocol):
    """Puts the identity in the caller's certificate where the application finds it: `scope["state"]["peer"]`."""

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "peer": peer_identity(transport.get_extra_info("peercert"))}


class _Server(uvicorn.Server):
    """Signals belong to the process, not to its API; it says when it listens, and sleeps while nobody asks."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()
        self._asked_to_end = asyncio.Event()

    async def main_loop(self) -> None:
        """See `uvicorn.Server`, whose own looks ten times a second whether it is to end."""
        await self.on_tick(0)
        await self._asked_to_end.wait()

    def end(self) -> None:
        """Let `serve` return."""
        self.should_exit = True
        self._asked_to_end.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def caller(scope: Any) -> Identity | None:
    """Who asks, by certificate; None without one."""
    found = scope.get("state", {}).get("peer")
    return found if isinstance(found, Identity) else None


@contextlib.asynccontextmanager
async def serving(application: Any, address: str, tls: TlsFiles, *, strangers: bool = False) -> AsyncIterator[str]:
    """Serve while the block runs; yields the address that was taken, `host:port`.

    `strangers`: let in callers without a certificate too; the application decides what they may. Raises `ApiError`.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ApiError(f"{address!r}: expected <host>:<port> for the API")
    config = uvicorn.Config(
        application,
        host=host,
        port=int(port),
        http=_KnowsItsPeer,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="none",
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=1,
        date_header=False,  # it would be as old as the server
        ssl_certfile=str(tls.certificate),
        ssl_keyfile=str(tls.key),
        ssl_ca_certs=str(tls.authority),
        ssl_cert_reqs=ssl.CERT_OPTIONAL if strangers else ssl.CERT_REQUIRED,
    )
    try:
        sock = config.bind_socket()
    except SystemExit as error:  # uvicorn ends the process where it cannot bind
        raise ApiError(f"{address}: the API cannot listen there: is the port taken?") from error
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]), name="api")
    task.add_done_callback(lambda _: server.listens.set())
    await server.listens.wait()
    if task.done():
        task.result()
    try:
        yield "{}:{}".format(*sock.getsockname()[:2])
    finally:
        server.end()
        await task
