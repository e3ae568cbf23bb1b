"""A manager's HTTPS API (Litestar). Operators change things, whoever has a certificate reads, and a node without one
may do two things only: ask whose authority this is, and join with a token.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, delete, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import HTTPException, NotFoundException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response import Stream

from skerry import __version__
from skerry.adapters.keys.tls import Kind
from skerry.adapters.manifests import ManifestErrors
from skerry.adapters.store.store import StoreError
from skerry.api import accounts, metrics, sites
from skerry.api.enrolling import Joining, certificate_digest
from skerry.api.exposition import MEDIA_TYPE
from skerry.api.office import Office
from skerry.api.refusing import NotDone
from skerry.api.serving import caller
from skerry.api.visiting import Card, Invitation, paper
from skerry.core.actors.report import all_holds, journal_page
from skerry.core.stages.ir.rules import TranslationError

BODY_MAX_BYTES = 1024 * 1024
Ask = Request[Any, Any, Any]
Connection = ASGIConnection[Any, Any, Any, Any]
_JSON = msgspec.json.Encoder(order="deterministic")


@get("/v1/authority", sync_to_thread=False)
def authority(request: Ask) -> dict[str, str]:
    """Whose certificates count here. The caller compares the digest with its token's."""
    pem = _office(request).enrolling.authority_pem
    return {"ca": pem.decode(), "digest": certificate_digest(pem)}


@post("/v1/join", status_code=200)
async def join(data: Joining, request: Ask) -> dict[str, Any]:
    """Enrol a node (D5)."""
    joined = await _office(request).enrolling.join(data)
    return msgspec.to_builtins(joined, builtin_types=())  # type: ignore[no-any-return]  # a struct becomes a dict


@post("/v1/apply", status_code=200)
async def apply(request: Ask) -> dict[str, Any]:
    """Manifests, YAML: all or none."""
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise NotDone(f"expected manifests in UTF-8; byte {error.start} is none", 400) from error
    return {"applied": await _office(request).apply(text, "manifests")}


@delete("/v1/intents/{name:str}", status_code=200)
async def withdraw(name: str, request: Ask) -> dict[str, str]:
    """Withdraw an intent everywhere."""
    await _office(request).withdraw(name)
    return {"withdrawn": name}


@delete("/v1/sites/{site:str}/nodes/{node:str}", status_code=200)
async def remove(site: str, node: str, request: Ask) -> dict[str, str]:
    """Take a node out of its site's roster (X5)."""
    await _office(request).enrolling.remove(site, node)
    return {"removed": node}


@get("/v1/card", sync_to_thread=False)
def card(request: Ask) -> Response[bytes]:
    """What the operators of another manager need to admit this one to a site (D25)."""
    return Response(_JSON.encode(_office(request).visiting.card()), media_type="application/json")


@post("/v1/sites/{site:str}/guests", status_code=200)
async def admit(site: str, request: Ask) -> Response[bytes]:
    """Let another manager own intents at a site, by its card; the answer is what it needs to know of it."""
    invitation = await _office(request).visiting.admit(site, paper(await request.body(), Card))
    return Response(_JSON.encode(invitation), media_type="application/json")


@delete("/v1/sites/{site:str}/guests/{name:str}", status_code=200)
async def dismiss(site: str, name: str, request: Ask) -> dict[str, str]:
    """Let a guest go; what it wants at the site counts as withdrawn."""
    await _office(request).visiting.dismiss(site, name)
    return {"dismissed": name}


@post("/v1/visits", status_code=200)
async def visit(request: Ask) -> dict[str, str]:
    """Know a site that this manager was admitted to, by an invitation."""
    invitation = paper(await request.body(), Invitation)
    await _office(request).visiting.visit(invitation)
    return {"site": invitation.site, "home": invitation.home}


@post("/v1/holds", status_code=200)
async def hold(request: Ask, site: str) -> dict[str, Any]:
    """A statement signed by an operator: pause or drain something of a site, or lift that (R4)."""
    _site(request, site)
    return await _office(request).hold(site, await request.body())


@post("/v1/tokens", status_code=201)
async def token(request: Ask, site: str, node: str | None = None, ttl: int = 3600) -> dict[str, str]:
    """A join token."""
    return {"token": await _office(request).enrolling.token(site, node, ttl)}


@get("/v1/sites", sync_to_thread=False)
def all_sites(request: Ask) -> dict[str, Any]:
    """Every site in a line."""
    return {"sites": [sites.line(place) for _, place in sorted(_office(request).sites.items())]}


@get("/v1/sites/{site:str}", sync_to_thread=False)
def one_site(site: str, request: Ask) -> dict[str, Any]:
    """One site, whole."""
    return sites.whole(_site(request, site))


@get("/v1/sites/{site:str}/holds", sync_to_thread=False)
def holds(site: str, request: Ask) -> dict[str, Any]:
    """Every hold of the site that is known here, lifted ones too."""
    known = _site(request, site)
    return {"holds": all_holds(known.custody.kept), "roster_version": known.roster().version}


@get("/v1/sites/{site:str}/plan", sync_to_thread=False)
def plan(site: str, request: Ask) -> Response[bytes]:
    """The site's plan, as it was last heard."""
    found = _site(request, site).plan()
    if found is None:
        raise NotFoundException(f"site {site!r} has told of no plan yet")
    return Response(_JSON.encode(found), media_type="application/json")


@get("/v1/explain", sync_to_thread=False)
def explain(request: Ask, instance: str) -> dict[str, Any]:
    """Where an instance is, how that was agreed, and this manager's word on it; the ranking is its leader's to show."""
    return {"instance": instance, "assignments": accounts.assignments(_office(request), instance)}


@get("/v1/sites/{site:str}/fits", sync_to_thread=False)
def fits(site: str, request: Ask) -> dict[str, Any]:
    """The table of role and node."""
    return sites.fits(_site(request, site))


@get("/v1/sites/{site:str}/irs", sync_to_thread=False)
def irs(site: str, request: Ask) -> Response[bytes]:
    """The site's intermediate representations, whole."""
    return Response(_JSON.encode({"irs": _site(request, site).irs()}), media_type="application/json")


@get("/v1/sites/{site:str}/verdicts", sync_to_thread=False)
def verdicts(site: str, request: Ask) -> Response[bytes]:
    """All verdicts, in order."""
    return Response(_JSON.encode({"verdicts": _site(request, site).verdicts}), media_type="application/json")


@get("/v1/sites/{site:str}/journal", sync_to_thread=False)
def journal(site: str, request: Ask, after: int = 0) -> dict[str, Any]:
    """Entries of all chains, in chain order; a page."""
    return journal_page(_site(request, site).journal, after)


@get("/v1/intents", sync_to_thread=False)
def intents(request: Ask) -> dict[str, Any]:
    """Every intent, with where it stands at each site."""
    return {"intents": accounts.intents(_office(request))}


@get("/v1/catalogue", sync_to_thread=False)
def catalogue(request: Ask) -> dict[str, Any]:
    """Functionalities, roles and governances, by name."""
    known = _office(request).catalogue
    return {
        "functionalities": sorted(known.functionalities),
        "roles": sorted(known.roles),
        "governances": sorted(known.governances),
    }


@get("/v1/history", sync_to_thread=False)
def history(request: Ask) -> dict[str, Any]:
    """Compliance per role, the validator's figures beside the holder's (D22)."""
    return {"history": accounts.history(_office(request))}


@get("/v1/use", sync_to_thread=False)
def use(request: Ask) -> dict[str, Any]:
    """Per client the seconds of use that are proven (D23)."""
    return {"use": accounts.use(_office(request))}


@get("/v1/events", sync_to_thread=False)
def events(request: Ask, after: int = 0, follow: bool = False) -> Response[Any] | Stream:
    """The public stream; with `follow` one JSON object a line, for ever."""
    if not follow:
        return Response(_JSON.encode({"events": _office(request).stream.after(after)}), media_type="application/json")

    async def lines() -> AsyncIterator[bytes]:
        async for event in _office(request).stream.follow(after):
            yield _JSON.encode(event) + b"\n"

    return Stream(lines(), media_type="application/x-ndjson")


@get("/metrics", media_type=MEDIA_TYPE, sync_to_thread=False)
def prometheus(request: Ask) -> str:
    """Figures for Prometheus."""
    return metrics.text(_office(request))


def application(office: Office) -> Litestar:
    """The routes of one manager."""
    changing = Router(
        "/", guards=[_operators], route_handlers=[apply, withdraw, remove, hold, token, admit, dismiss, visit]
    )
    reading = Router(
        "/",
        guards=[_readers],
        route_handlers=[
            card, all_sites, one_site, holds, plan, explain, fits, irs, verdicts, journal, intents, catalogue, history,
            use, events, prometheus,
        ],
    )  # fmt: skip
    return Litestar(
        route_handlers=[authority, join, changing, reading],
        exception_handlers={
            NotDone: _not_done,
            ManifestErrors: _manifest_errors,
            TranslationError: _not_translated,
            StoreError: _not_kept,
            HTTPException: _refused,
            Exception: _defect,
        },
        state=State({"office": office}),
        request_max_body_size=BODY_MAX_BYTES,
        openapi_config=OpenAPIConfig("Skerry manager", __version__, render_plugins=[JsonRenderPlugin()]),
        logging_config=None,
    )


def _readers(connection: Connection, _: BaseRouteHandler) -> None:
    """Operators read everything; a node reads of its own site."""
    who = caller(connection.scope)
    if who is None:
        raise PermissionDeniedException("show a certificate of this manager's authority (--identity)")
    of_one_site = who.site or who.kind is not Kind.OPERATOR
    if of_one_site and connection.path_params.get("site") != who.site:
        raise PermissionDeniedException(f"{who.name} of site {who.site!r} may read of that site alone")


def _operators(connection: Connection, _: BaseRouteHandler) -> None:
    who = caller(connection.scope)
    if who is None or who.kind is not Kind.OPERATOR or who.site:
        raise PermissionDeniedException("only an operator may do this: use an operator's certificate (--identity)")


def _office(request: Ask) -> Office:
    office: Office = request.app.state.office
    return office


def _site(request: Ask, name: str) -> Any:
    office = _office(request)
    if name not in office.sites:
        raise NotFoundException(f"there is no site {name!r}; known: {', '.join(sorted(office.sites)) or 'none'}")
    return office.sites[name]


def _not_done(_: Ask, error: NotDone) -> Response[dict[str, Any]]:
    return Response({"error": str(error)}, status_code=error.status)


def _not_kept(_: Ask, error: StoreError) -> Response[dict[str, Any]]:
    return Response({"error": str(error)}, status_code=507)


def _refused(_: Ask, error: HTTPException) -> Response[dict[str, Any]]:
    """What the framework refuses: a body of another form, a path that is none, too much."""
    details = [str(one.get("message", one)) if isinstance(one, dict) else str(one) for one in error.extra or ()]
    said = ": ".join([error.detail, "; ".join(details)]) if details else error.detail
    return Response({"error": said}, status_code=error.status_code)


def _defect(request: Ask, error: Exception) -> Response[dict[str, Any]]:
    """Ours: told on standard error in full, to the caller that it is not theirs."""
    sys.stderr.write(f"{request.method} {request.url.path}\n" + "".join(traceback.format_exception(error)))
    return Response({"error": "a defect of the manager; its own output says more"}, status_code=500)


def _manifest_errors(_: Ask, errors: ManifestErrors) -> Response[dict[str, Any]]:
    found = [
        {"file": e.file, "line": e.line, "column": e.column, "field": e.field, "message": e.message, "hint": e.hint}
        for e in errors.errors
    ]
    return Response({"errors": found}, status_code=400)


def _not_translated(_: Ask, error: TranslationError) -> Response[dict[str, Any]]:
    found = [
        {"file": f"{f.kind} {f.name}", "line": 0, "column": 0, "field": f.path, "message": f.message, "hint": f.hint}
        for f in error.findings
    ]
    return Response({"errors": found}, status_code=400)
