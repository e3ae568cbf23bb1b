"""What comes from outside, one target each: how to make it from a fuzzer's bytes, and what must hold for all of it.

I8: what is malformed, forged, replayed or stale changes nothing, by the encoded state before and after. Nothing dies of
anything, and nothing takes long. `grow` makes a piece of data, `check` judges it; what is kept in `examples` is what
`check` takes, so that it means the same whatever the fuzzers become.
"""

from __future__ import annotations

import asyncio
import tempfile
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
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.adapters.workload.figures import parse
from skerry.api import accounts, sites
from skerry.api.node import NodeApi
from skerry.core.actors import report
from skerry.core.actors.agent import Agent, Identity
from skerry.core.actors.hearing import opened_events
from skerry.core.conversation import KINDS, Refused, Started, life_from, stored_documents
from skerry.core.kernel.effects import Put, Reply, said_in
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.expressions import ExpressionError
from skerry.core.kernel.ids import InstanceId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.intent.model import Catalogue, Intent
from skerry.core.stages.ir.rules import TranslationError, translate
from skerry.core.stages.monitoring.events import InstanceChecked
from skerry.inputlog.recorder import Recorder, Segments
from skerry.inputlog.records import Continued
from skerry.inputlog.replay import Diverged, Replay
from skerry.inputlog.ring import Damaged, Ring, Torn, records_in, segments_in
from skerry.inputlog.snapshot import dump
from skerry.inputlog.snapshot import load as load_agent
from skerry.inputlog.why import Why
from skerry.ports.storage import StorageError
from skerry.ports.workload import WorkloadError
from skerry.shell.events import EventStream
from skerry.shell.http_get import json_object
from skerry.shell.settings import SETTINGS_FILE, SettingsError, load_settings
from tests.fuzzing.dice import Dice, bent, mangled
from tests.fuzzing.site import (
    MANAGER,
    ME,
    PEER,
    STRANGER,
    Listener,
    disk,
    manager_site,
    said,
    statement,
    untouched,
    world,
)

WITHIN_S = 5.0
"""For one piece of data, on a machine that has other things to do: far more than any needs, far less than for ever."""
LATER_MS = (400, 1_500, 6_000)

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
    who, (kind, signer, body) = dice.one_of(whos), dice.one_of(said())
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
    one = _decoded(raw, Said)
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
    one = _decoded(raw, Said)
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
    _told(site)


def _told(site: Any) -> None:
    """All that people are shown of a site."""
    sites.line(site)
    encode(sites.whole(site))
    encode(sites.fits(site))
    report.journal_page(site.journal, 0)
    office: Any = SimpleNamespace(sites={world().site: site})
    encode([accounts.intents(office), accounts.history(office), accounts.use(office)])


# --- what clients ask of a node ---------------------------------------------------------------------------------------


class Asked(msgspec.Struct, array_like=True):
    """One request, by somebody who has a certificate."""

    method: str
    path: str
    query: bytes
    body: bytes


PATHS = ("status", "lookup", "plan", "fits", "explain", "events", "journal", "apply", "leave", "", "x")
QUERIES = (
    *(b"", b"interface=object-store.v1", b"instance=hq/shop-files/store%231", b"after=3&follow=false"),
    *(b"after=%c2%b2", b"after=" + b"9" * 5_000),
)


def _grow_node(dice: Dice) -> bytes:
    kind, signer, body = dice.one_of([*said(), ("leave", ME, encode({"type": "leave", "node": ME}))])
    statement_of, query = statement(kind, bent(dice, body), signer), dice.one_of(QUERIES)
    return encode(
        Asked(
            method=dice.one_of(("GET", "POST", "PUT", "HEAD")),
            path=f"/v1/{dice.one_of(PATHS)}",
            query=mangled(dice, query) if dice.below(2) else query,
            body=dice.one_of((statement_of, mangled(dice, statement_of))),
        )
    )


def _check_node(raw: bytes) -> None:
    one = _decoded(raw, Asked)
    if one is None or b"follow=true" in one.query:  # that never ends
        return
    listener = Listener()

    async def taken(event: Callable[[str], Any]) -> Reply:
        return next(iter(listener.step(event("fuzz-request")).reply))

    shell: Any = SimpleNamespace(
        recovered=True,
        cannot_write="",
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


def _grow_text(dice: Dice, seeds: tuple[str, ...]) -> bytes:
    text = dice.one_of(seeds).encode()
    if dice.below(2):
        return mangled(dice, text)
    lines = text.split(b"\n")
    for _ in range(1 + dice.below(4)):
        at, other = dice.below(len(lines)), dice.one_of(lines)
        lines[at : at + dice.below(2)] = [mangled(dice, other)] if dice.below(2) else [other]
    return b"\n".join(lines)


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


# --- what lies on a disk ----------------------------------------------------------------------------------------------


STRAY_KEYS = ("document/", "journal/n1/x/1", "subscription/", "granting/fence/", "uplink/modes")


def _grow_state(dice: Dice) -> bytes:
    kept = dict(disk())
    for _ in range(1 + dice.below(3)):
        name = dice.one_of(sorted(kept))
        kept[name] = bent(dice, kept[name]) if dice.below(4) else mangled(dice, kept[name])
        if not dice.below(8):
            kept[dice.one_of(("document/", "journal/n1/x/1", "subscription/", "granting/fence/", "uplink/modes"))] = (
                kept[name]
            )
    changed = {name: value for name, value in kept.items() if disk().get(name) != value}
    return encode(changed)


def _check_state(raw: bytes) -> None:
    """A state file whose pages are whole and whose contents are not: the agent says so, or lives with it."""
    changed = _decoded(raw, dict[str, bytes])
    if changed is None:
        return
    kept, machine = {**disk(), **changed}, world().machines[ME]
    given: Input[Any] = Input(id="fuzz", at_ms=machine.boot_ms(), wall_ms=0, draw=7, event=Started())
    identity = Identity(site=world().site, node=NodeId(ME), life=life_from(7), boot="fuzz")
    try:
        documents = stored_documents(kept, world().site, world().verifier)
        agent, effects = Agent.recover(identity, machine.signer, world().book.expressions, kept, (), documents, given)
    except (Refused, msgspec.DecodeError):
        return
    encode(effects)
    agent.step(given)
    for later_ms in LATER_MS:
        given = Input(id="fuzz", at_ms=given.at_ms + later_ms, wall_ms=0, draw=7, event=DeadlinePassed())
        agent.step(given)
    agent.check_invariants()
    report.status(agent, given.at_ms)


@cache
def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteStorage(Path(folder))
        storage.commit([Put(key=f"document/{number}", value=bytes([number]) * 600) for number in range(40)])
        storage.close()
        return Path(folder, "state.db").read_bytes()


def _check_sqlite(raw: bytes) -> None:
    """A state file whose pages are not whole."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "state.db").write_bytes(raw)
        with suppress(StorageError):
            storage = SqliteStorage(Path(folder))
            try:
                storage.load()
                storage.commit([Put(key="election/followed", value=b"1")])
            finally:
                storage.close()


@cache
def _segment() -> tuple[bytes, ...]:
    """The records of an input log."""
    agent, signer = Listener().agent, world().machines[ME].signer
    kept: list[bytes] = []

    class Kept(Segments):
        full = False

        def begin(self) -> None:
            """Nothing to open."""

        def append(self, record: bytes) -> None:
            kept.append(record)

        def close(self) -> None:
            """Nothing to let go."""

    recorder = Recorder(Kept(), signer, lambda key: None, "fuzz", ME)
    state = dump(agent)
    recorder.recovered(Continued(version="fuzz", node=ME, wall_ms=1, state=state))
    agent = load_agent(state, recorder.signer, world().book.expressions)
    at_ms = world().machines[ME].boot_ms()
    for number in range(3):
        given: Input[Any] = Input(
            id=f"{ME}-{number}", at_ms=at_ms + 700 * number, wall_ms=1, draw=number, event=DeadlinePassed()
        )
        recorder.stepping([given])
        steps = [agent.step(given)]
        for message in said_in(steps[0]):
            agent.seal_message(message)
        recorder.stepped(agent, steps, 1)
    recorder.close(agent)
    return tuple(kept)


def _grow_inputs(dice: Dice) -> bytes:
    """Checksums are made to fit: what they find needs no more looking for."""
    records = list(_segment())
    at = dice.below(len(records))
    records[at] = bent(dice, records[at]) if dice.below(3) else mangled(dice, records[at])
    with tempfile.TemporaryDirectory() as folder:
        ring = Ring(Path(folder), 1 << 26)
        ring.begin()
        for record in records:
            ring.append(record)
        ring.close()
        whole = segments_in(Path(folder))[0].read_bytes()
    return whole if dice.below(8) else mangled(dice, whole)


def _check_inputs(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "1.inputs")
        path.write_bytes(raw)
        why = Why("hq/shop-files/store#1")
        with suppress(Torn, Damaged, Diverged):
            Replay(world().verifier, world().book.expressions, why.watch).run(records_in(path))


SETTINGS = (
    '{"site": "shop", "node": "n1", "manager": "hq", "uplink": "tls/10.0.0.1:7446", "listen": ["tls/10.0.0.2:7447"]}'
)


def _check_settings(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, SETTINGS_FILE).write_bytes(raw)
        with suppress(SettingsError):
            load_settings(Path(folder))


def _decoded(raw: bytes, kind: Any) -> Any:
    """A case; None for what is none (a fuzzer may hand `check` what `grow` did not make)."""
    try:
        return decode(raw, kind)
    except msgspec.DecodeError:
        return None


WHOS = ("member", "member", "manager", "stranger", "forger", "nobody")

TARGETS: dict[str, Target] = {
    "wire": Target(lambda dice: _grow_said(dice, WHOS), _check_wire),
    "uplink": Target(lambda dice: _grow_said(dice, WHOS), _check_uplink),
    "node": Target(_grow_node, _check_node),
    "manifest": Target(lambda dice: _grow_text(dice, _examples()), _check_manifest),
    "cel": Target(lambda dice: _grow_text(dice, EXPRESSIONS), _check_cel),
    "probe": Target(lambda dice: _grow_text(dice, FIGURES), _check_probe),
    "use": Target(lambda dice: _grow_text(dice, ANSWERS), _check_use),
    "state": Target(_grow_state, _check_state),
    "sqlite": Target(lambda dice: mangled(dice, _database()), _check_sqlite),
    "inputs": Target(_grow_inputs, _check_inputs),
    "settings": Target(lambda dice: _grow_text(dice, (SETTINGS,)), _check_settings),
}
