"""A node's own HTTPS API: what the site knows and decides, for clients and operators at the site (U4, D17).

mTLS like every link: whoever shows no certificate of the site's authority is refused in the handshake. Reading is for
all of those; what changes something asks for an operator's certificate as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from skerry.adapters.keys.tls import TlsFiles
from skerry.api import local, node_metrics
from skerry.api.exposition import MEDIA_TYPE
from skerry.api.serving import serving
from skerry.core.actors import report
from skerry.core.actors.agent import Agent
from skerry.core.kernel.effects import Reply
from skerry.core.stages.lookup.rules import find
from skerry.ports.storage import NoRoom
from skerry.shell.agent import AgentShell
from skerry.shell.clock import boot_ms

NUMBER_DIGITS_MAX = 18
_JSON = msgspec.json.Encoder(order="deterministic")


def _json(value: Any, status: int = 200) -> Response:
    return Response(_JSON.encode(value), status_code=status, media_type="application/json")


def _is_number(text: str) -> bool:
    """Whether it is one that a list may go on from: Python takes more for digits than it can read as a number."""
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": error.detail}, error.status_code)


class NodeApi:
    """The API of one agent."""

    def __init__(self, shell: AgentShell, tls: TlsFiles) -> None:
        self._shell = shell
        self._tls = tls
        self.address = ""
        """`host:port`, once it is open."""

    @contextlib.asynccontextmanager
    async def serving(self, address: str) -> AsyncIterator[None]:
        """Serve while the block runs. Raises `ApiError` if the address cannot be taken."""
        async with serving(self.application(), address, self._tls) as self.address:
            yield

    @property
    def _agent(self) -> Agent:
        """The agent, once it knows what runs on its machine; a client asks again until then."""
        if not self._shell.recovered:
            why = self._shell.cannot_write or "not ready yet"
            raise HTTPException(503, f"this node is starting, and decides nothing: {why}. Ask again")
        return self._shell.agent

    def application(self) -> Starlette:
        """Its routes."""
        return Starlette(
            routes=[
                Route("/v1/status", self._status),
                Route("/v1/lookup", self._lookup),
                Route("/v1/plan", self._plan),
                Route("/v1/fits", self._fits),
                Route("/v1/explain", self._explain),
                Route("/v1/events", self._events),
                Route("/v1/journal", self._journal),
                Route("/v1/apply", self._apply, methods=["POST"]),
                Route("/v1/declare-dead", self._declare_dead, methods=["POST"]),
                Route("/v1/holds", self._holds, methods=["GET", "POST"]),
                Route("/v1/hand-over", self._hand_over, methods=["POST"]),
                Route("/v1/leave", self._leave, methods=["POST"]),
                Route("/metrics", self._metrics),
            ],
            exception_handlers={HTTPException: _refused},
        )

    async def _status(self, request: Request) -> Response:
        return _json(self._report())

    def _report(self) -> dict[str, Any]:
        return report.status(self._agent, boot_ms(), self._shell.cannot_write, self._shell.lost)

    async def _metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        shell = self._shell
        found = node_metrics.text(self._report(), cannot_write=bool(shell.cannot_write), broken_off=shell.broken_off)
        return Response(found, media_type=MEDIA_TYPE)

    async def _lookup(self, request: Request) -> Response:
        """`?interface=`: where it is offered, best first. A node that takes in nothing new does not know (U6)."""
        if self._shell.cannot_write:
            return _json({"error": f"ask another node: {self._shell.cannot_write}"}, 503)
        interface = request.query_params.get("interface", "")
        if not interface:
            return _json({"error": "give the interface that is looked for: /v1/lookup?interface=object-store.v1"}, 400)
        agent = self._agent
        return _json({"endpoints": find(interface, agent.picture.irs(), agent.picture.everywhere())})

    async def _plan(self, request: Request) -> Response:
        plan = self._agent.picture.plan()
        return _json(plan) if plan is not None else _json({"error": "this node holds no plan yet"}, 404)

    async def _fits(self, request: Request) -> Response:
        return _json(report.fits(self._agent))

    async def _explain(self, request: Request) -> Response:
        """`?instance=`: each candidate's score, term by term, as this node ranked them when it led."""
        return _json(report.explain(self._agent, request.query_params.get("instance", "")))

    async def _journal(self, request: Request) -> Response:
        """`?after=`: entries of all chains that this node holds, in chain order; at most 500."""
        after = request.query_params.get("after", "0")
        if not _is_number(after):
            return _json({"error": f"after={after[:40]!r}: expected a number"}, 400)
        return _json(report.journal_page(self._agent.journal, int(after)))

    async def _apply(self, request: Request) -> Response:
        """A statement signed by an operator: an intent for this site (U4)."""
        return await self._take(request, local.take_intent)

    async def _declare_dead(self, request: Request) -> Response:
        """A statement signed by an operator: another node is off (X8)."""
        return await self._take(request, local.declare_dead)

    async def _holds(self, request: Request) -> Response:
        """Every hold known here, lifted ones too; or a statement signed by an operator that sets or lifts one (R4)."""
        if request.method == "POST":
            return await self._take(request, local.take_hold)
        picture = self._agent.picture
        return _json({"holds": report.all_holds(picture.custody.kept), "roster_version": picture.roster().version})

    async def _hand_over(self, request: Request) -> Response:
        """A statement signed by an operator: another is to lead (L6)."""
        return await self._take(request, local.hand_over)

    async def _leave(self, request: Request) -> Response:
        """A statement signed by this node's own key: stop all and let go."""
        return await self._take(request, local.leave)

    async def _take(self, request: Request, take: Callable[[AgentShell, bytes], Awaitable[Reply]]) -> Response:
        assert self._agent is not None  # or 503
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > local.BODY_MAX_BYTES:
                return _json({"error": f"at most {local.BODY_MAX_BYTES} bytes are taken"}, 413)
        try:
            reply = await take(self._shell, bytes(body))
        except local.NotTaken as refused:
            return _json(refused.body, refused.status)
        except NoRoom as full:
            return _json({"error": str(full)}, 507)
        except TimeoutError:
            return _json({"error": "the agent did not answer in time; whether it was taken shows in its events"}, 504)
        return _json(reply.body, 200 if reply.ok else 403)

    async def _events(self, request: Request) -> Response:
        """`?after=N&follow=true|false`: the public stream, one JSON object a line."""
        after = request.query_params.get("after", "0")
        if not _is_number(after):
            return _json({"error": f"after={after[:40]!r}: expected a number"}, 400)
        stream = self._shell.stream
        if request.query_params.get("follow", "false") != "true":
            return _json({"events": stream.after(int(after))})

        async def lines() -> AsyncIterator[bytes]:
            async for event in stream.follow(int(after)):
                yield _JSON.encode(event) + b"\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")
