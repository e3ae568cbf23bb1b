"""What comes from outside, one target each: how to make it from a fuzzer's bytes, and what must hold for all of it.

I8: what is malformed, forged, replayed or stale changes nothing, by the encoded state before and after. Nothing dies of
anything, and nothing takes long. `grow` makes a piece of data, `check` judges it (for what lies on a disk: in `disks`);
what is kept in `examples` is what `check` takes, so that it means the same whatever the fuzzers become.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec

from skerry.adapters.cel import CelExpressions
from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.manifests import ManifestErrors, check, load
from skerry.adapters.workload.figures import parse
from skerry.api.node import NodeApi
from skerry.core.actors import report
from skerry.core.actors.hearing import opened_events
from skerry.core.conversation import KINDS, Refused
from skerry.core.kernel.effects import Reply
from skerry.core.kernel.expressions import ExpressionError
from skerry.core.kernel.ids import InstanceId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import encode
from skerry.core.stages.intent.model import Catalogue, Intent
from skerry.core.stages.ir.rules import TranslationError, translate
from skerry.core.stages.monitoring.events import InstanceChecked
from skerry.ports.workload import WorkloadError
from skerry.shell.events import EventStream
from skerry.shell.http_get import json_object
from tests.fuzzing import disks
from tests.fuzzing.dice import Dice, bent, decoded_as, grown_json, grown_text, mangled
from tests.fuzzing.site import (
    MANAGER,
    ME,
    PEER,
    STRANGER,
    Listener,
    manager_site,
    show,
    untouched,
    world,
)
from tests.fuzzing.words import said, statement

WITHIN_S = 5.0
"""For one piece of data, on a machine that has other things to do: far more than any needs, far less than for ever."""

KIND_NAMES = sorted(KINDS)


class Target(NamedTuple):
    """One thing from outside."""

    grow: Callable[[Dice], bytes]
    check: Callable[[bytes], None]


def judged(name: str, raw: bytes) -> None:
    """Check, within its time."""
    began = time.thread_time()
    TARGETS[name].check(raw)
    took_s = time.thread_time() - began
    assert took_s < WITHIN_S, f"{name}: {took_s:.1f} s for {len(raw)} bytes"


# --- what nodes say ---------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, array_like=True):
    """A statement, and whether its signer is who it says."""

    who: str
    """`member`, `manager`, `stranger`, `forger`; or `nobody`: the body is all that arrives."""
    signer: str
    """The member, where it is one."""
    to: str
    kind: str
    body: bytes


def _grow_said(dice: Dice, whos: tuple[str, ...]) -> bytes:
    who, kind = dice.one_of(whos), dice.one_of(sorted(said()))
    signer, body = dice.one_of(said()[kind])
    match dice.below(12):
        case 0:
            body = mangled(dice, body)
        case 1:
            kind = dice.one_of(KIND_NAMES)
        case 2:
            signer = PEER
        case _:
            body = bent(dice, body)
    if who == "member" and signer == MANAGER:
        who = "manager"
    to = dice.one_of([name for name in (ME, PEER) if name != signer])
    return encode(Said(who=who, signer=signer, to=to, kind=kind, body=body))


def _payload(one: Said) -> bytes:
    match one.who:
        case "member":
            return statement(one.kind, one.body, one.signer)
        case "manager":
            return statement(one.kind, one.body, MANAGER)
        case "stranger":
            return statement(one.kind, one.body, STRANGER)
        case "forger":
            return statement(one.kind, one.body, one.signer, forged=True)
        case _:
            return one.body


def _check_wire(raw: bytes) -> None:
    one = decoded_as(raw, Said)
    if one is None:
        return
    if one.to not in (ME, PEER):
        return
    agent, payload, before = Listener(one.to), _payload(one), untouched(one.to)
    try:
        agent.hear(payload)
    except (Refused, msgspec.DecodeError):
        assert agent.state() == before, "I8: it was refused, and changed something"
        return
    after = agent.state()
    assert one.who in ("member", "manager") or after == before, f"I8: the word of a {one.who} changed something"
    agent.hear(payload)
    assert agent.state() == after, "I8: it was heard twice, and changed something twice"
    report.status(agent.agent, agent.at_ms)
    agent.live_on()
    report.status(agent.agent, agent.at_ms)


def _check_uplink(raw: bytes) -> None:
    one = decoded_as(raw, Said)
    if one is None:
        return
    site = manager_site()
    try:
        events = opened_events(NodeId(one.signer), _payload(one), world().site, site.roster(), world().verifier)
    except (Refused, msgspec.DecodeError):
        return
    assert one.who in ("member", "manager"), f"I8: the word of a {one.who} was taken"
    for number, event in enumerate(events):
        given = Input(id=f"fuzz-{number}", at_ms=1, wall_ms=world().manager.wall_ms(), draw=7, event=event)
        encode(site.step(given))
        site.check_invariants()
    show(site)


# --- what clients ask of a node ---------------------------------------------------------------------------------------


class Asked(msgspec.Struct, array_like=True):
    """One request, by somebody who has a certificate."""

    method: str
    path: str
    query: bytes
    body: bytes


ACTS = {
    "apply": "local_intent",
    "declare-dead": "declared_dead",
    "holds": "hold",
    "hand-over": "hand_over_wanted",
    "leave": "leave",
}
"""To each path at which somebody acts what they have to say there."""
PATHS = ("status", "lookup", "plan", "fits", "explain", "events", "journal", "metrics", *ACTS, "", "x")
QUERIES = (
    *(b"", b"interface=object-store.v1", b"instance=hq/shop-files/store%231", b"after=3&follow=false"),
    *(b"after=%c2%b2", b"after=" + b"9" * 5_000),
)


def _grow_node(dice: Dice) -> bytes:
    path, query = dice.one_of(PATHS), dice.one_of(QUERIES)
    kind = ACTS[path] if path in ACTS and dice.below(8) else dice.one_of(sorted(said()))
    signer, body = dice.one_of(said()[kind])
    statement_of = statement(kind, bent(dice, body) if dice.below(8) else body, signer)
    return encode(
        Asked(
            method="POST" if path in ACTS and dice.below(8) else dice.one_of(("GET", "POST", "PUT", "HEAD")),
            path="/metrics" if path == "metrics" else f"/v1/{path}",
            query=mangled(dice, query) if dice.below(2) else query,
            body=statement_of if dice.below(4) else mangled(dice, statement_of),
        )
    )


def _check_node(raw: bytes) -> None:
    one = decoded_as(raw, Asked)
    if one is None or b"follow=true" in one.query:  # that never ends
        return
    listener = Listener()

    async def taken(event: Callable[[str], Any]) -> Reply:
        return next(iter(listener.step(event("fuzz-request")).reply))

    shell: Any = SimpleNamespace(
        recovered=True,
        cannot_write="",
        lost=0,
        broken_off=0,
        agent=listener.agent,
        settings=SimpleNamespace(site=world().site, node=ME),
        outside=SimpleNamespace(verifier=world().verifier, expressions=CelExpressions()),
        stream=EventStream(ME),
        request=taken,
    )
    answer: list[dict[str, Any]] = []

    async def sent(message: Any) -> None:
        answer.append(message)

    async def received() -> dict[str, Any]:
        return {"type": "http.request", "body": one.body, "more_body": False}

    scope = {"type": "http", "method": one.method, "path": one.path, "query_string": one.query, "headers": []}
    asyncio.run(NodeApi(shell, TlsFiles.within(Path())).application()(scope, received, sent))
    assert answer[0]["status"] < 500, answer


# --- what people write ------------------------------------------------------------------------------------------------


@cache
def _examples() -> tuple[str, ...]:
    """All manifests that come with Skerry."""
    folder = files("skerry").joinpath("examples")
    found = [(path.parent.name, path) for path in Path(str(folder)).rglob("*.yaml")]
    return tuple(path.read_text() for _, path in sorted(found))


def _check_manifest(raw: bytes) -> None:
    text = raw.decode(errors="replace")
    expressions = CelExpressions()
    try:
        documents = load(text, "fuzz")
        whole = check(documents, Catalogue(), expressions)
    except ManifestErrors as refused:
        reasons = [error.message for error in refused.errors]
    else:
        reasons = ["-"]
        for document in documents:
            if isinstance(document.manifest, Intent):
                with suppress(TranslationError):
                    translate(document.manifest, whole, expressions=expressions, owner=ManagerId(MANAGER), generation=1)
    assert reasons and all(reasons), "refused without a reason"


EXPRESSIONS = (
    "node.memory >= 512 && node.cpu > 1000",
    "site.nodes > 3 ? limits.clients * 2 : 1",
    '"a" in [1, 2] || limits.clients / 0 == size("x" + string(7))',
    "[1, 2, 3].all(x, [1, 2].exists(y, x == y))",
    'duration("1h") > duration("5m") && timestamp("2024-01-01T00:00:00Z").getFullYear() == 2024',
    '{"a": {"b": [1.5, -2, 0x7f]}}["a"].b[0] <= 9223372036854775807 && b"abc" == b"\\xff"',
    '"((a+)+)+$".matches("aaaaaaaaaaaaaaaaaaaaaaaa!") && type(1u) == uint',
)
FACTS = {
    "node": {"memory": 512, "cpu": 1_000},
    "site": {"nodes": 3},
    "limits": {"clients": 7, "": None},
    "text": "a" * 500,
}


def _check_cel(raw: bytes) -> None:
    text, expressions = raw.decode(errors="replace"), CelExpressions()
    with suppress(ExpressionError):
        expressions.check(text)
    with suppress(ExpressionError):
        encode(expressions.evaluate(text, FACTS))


# --- what programs print ----------------------------------------------------------------------------------------------

FIGURES = (
    'starting\n{"figures": {"putRate": 123.4, "getRate": 1e2}, "operations": 124, "seconds": 1.005}',
    '{"figures": {"a": -1}, "operations": 0, "seconds": 1e-9}\n{"figures": {}, "operations": 9999999999999999999999}',
)
ANSWERS = (
    '{"clients": {"till-3": {"operations": 17, "failed": 0, "seconds": [[1700000000, 1700000005]]}, "": null}}',
    '{"clients": {"till-3": {"served": [1700000000, 1700000001], "failed": [], "connected": true}}, "more": [1e400]}',
    '{"clients": {"till-3": {"ok": [[1700000000, 1700000009]], "failed": [[1700000003, 1700000003]]}}}',
)


def _check_probe(raw: bytes) -> None:
    with suppress(WorkloadError):
        encode(parse(raw))


def _check_use(raw: bytes) -> None:
    """What an instance answers when it is asked whom it served; the agent keeps it, logs it and writes it down."""
    clients = json_object(raw).get("clients", {})
    agent = Listener()
    for instance in (*agent.agent.keeper.runs, InstanceId("hq/none/none#1")):
        agent.step(InstanceChecked(instance=instance, ok=True, use=clients if isinstance(clients, dict) else {}))
    agent.live_on()
    report.status(agent.agent, agent.at_ms)


WHOS = ("member", "member", "manager", "stranger", "forger", "nobody")

TARGETS: dict[str, Target] = {
    "wire": Target(lambda dice: _grow_said(dice, WHOS), _check_wire),
    "uplink": Target(lambda dice: _grow_said(dice, WHOS), _check_uplink),
    "node": Target(_grow_node, _check_node),
    "manifest": Target(lambda dice: grown_text(dice, _examples()), _check_manifest),
    "cel": Target(lambda dice: grown_text(dice, EXPRESSIONS), _check_cel),
    "probe": Target(lambda dice: grown_json(dice, FIGURES), _check_probe),
    "use": Target(lambda dice: grown_json(dice, ANSWERS), _check_use),
    "state": Target(disks.grow_state, disks.check_state),
    "store": Target(disks.grow_store, disks.check_store),
    "sqlite": Target(lambda dice: mangled(dice, disks.database()), disks.check_sqlite),
    "inputs": Target(disks.grow_inputs, disks.check_inputs),
    "settings": Target(lambda dice: grown_json(dice, (disks.SETTINGS,)), disks.check_settings),
}
