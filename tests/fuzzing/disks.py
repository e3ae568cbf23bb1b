"""What lies on a disk, broken: the state file, the log of inputs, the settings. See `targets`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.actors import report
from skerry.core.actors.agent import Agent, Identity
from skerry.core.actors.hearing import opened_events
from skerry.core.actors.manager import ManagerSite
from skerry.core.conversation import Heard, Refused, Started, life_from, stored_documents
from skerry.core.kernel.effects import Put, said_in
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import encode
from skerry.inputlog.recorder import Recorder, Segments
from skerry.inputlog.records import Continued, Recovered, logged
from skerry.inputlog.replay import Diverged, Replay
from skerry.inputlog.ring import Damaged, Ring, Torn, records_in, segments_in
from skerry.inputlog.snapshot import dump
from skerry.inputlog.snapshot import load as load_agent
from skerry.inputlog.why import Why
from skerry.ports.storage import StorageError
from skerry.shell.settings import SETTINGS_FILE, SettingsError, load_settings
from tests.fuzzing.dice import Dice, bent, decoded_as, mangled
from tests.fuzzing.site import ME, Listener, disk, manager_site, show, world
from tests.fuzzing.words import said, statement

LATER_MS = (400, 1_500, 6_000)
ASKED = ("question", "entry", "fold", "role_fit", "plan", "question")
"""What a manager then hears."""
STRAY_KEYS = ("document/", "journal/n1/x/1", "subscription/", "granting/fence/", "uplink/modes")


def grow_state(dice: Dice) -> bytes:
    """Of what an agent keeps."""
    return _changed(dice, disk())


def _changed(dice: Dice, before: Mapping[str, bytes]) -> bytes:
    """The keys under which something else is kept."""
    kept = dict(before)
    for _ in range(1 + dice.below(3)):
        name = dice.one_of(sorted(kept))
        kept[name] = bent(dice, kept[name]) if dice.below(4) else mangled(dice, kept[name])
        if not dice.below(8):
            kept[dice.one_of(STRAY_KEYS)] = kept[name]
    return encode({name: value for name, value in kept.items() if before.get(name) != value})


def check_state(raw: bytes) -> None:
    """A state file whose pages are whole and whose contents are not: the agent says so, or lives with it."""
    changed = decoded_as(raw, dict[str, bytes])
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


def grow_store(dice: Dice) -> bytes:
    """Of what a manager keeps of a site."""
    return _changed(dice, world().manager.store)


def check_store(raw: bytes) -> None:
    """A manager's store whose contents are not whole: the manager says so, or lives with it."""
    changed = decoded_as(raw, dict[str, bytes])
    if changed is None:
        return
    kept, here = {**world().manager.store, **changed}, world()
    handed_in = manager_site().handed_in
    try:
        documents = stored_documents(kept, here.site, here.verifier)
        site = ManagerSite.recover(here.site, here.manager.name, here.manager.signer, handed_in, kept, documents)
    except (Refused, msgspec.DecodeError):
        return
    for kind in ASKED:
        signer, body = said()[kind][0]
        with suppress(Refused, msgspec.DecodeError):  # of somebody, say, whom the roster does not name any more
            payload = statement(kind, body, signer)
            for event in opened_events(NodeId(signer), payload, here.site, site.roster(), here.verifier):
                given = Input(id="fuzz", at_ms=1, wall_ms=here.manager.wall_ms(), draw=7, event=event)
                encode(site.step(given))
    site.check_invariants()
    show(site)


@cache
def database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteStorage(Path(folder))
        storage.commit([Put(key=f"document/{number}", value=bytes([number]) * 600) for number in range(40)])
        storage.close()
        return Path(folder, "state.db").read_bytes()


def check_sqlite(raw: bytes) -> None:
    """A state file whose pages are not whole."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "state.db").write_bytes(raw)
        with suppress(StorageError):
            storage = SqliteStorage(Path(folder))
            try:
                kept = storage.load()
                assert all(storage.get(key) == value for key, value in list(kept.items())[:3])
                storage.commit([Put(key="election/followed", value=b"1")])
            finally:
                storage.close()


class _Kept(Segments):
    """An input log in memory."""

    full = False

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def begin(self) -> None:
        """Nothing to open."""

    def append(self, record: bytes) -> None:
        """One more."""
        self.records.append(record)

    def close(self) -> None:
        """Nothing to let go."""


@cache
def _segment(*, from_disk: bool) -> tuple[bytes, ...]:
    """The records of an input log: of an agent that went on, or of one that started from its disk and heard others."""
    segments, machine, expressions = _Kept(), world().machines[ME], world().book.expressions
    recorder = Recorder(segments, machine.signer, disk().get, "fuzz", ME)
    at_ms = machine.boot_ms()
    if from_disk:
        started: Input[Any] = Input(id="start", at_ms=at_ms, wall_ms=0, draw=7, event=Started())
        me = Identity(site=world().site, node=NodeId(ME), life=life_from(7), boot="fuzz")
        start = Recovered(
            version="fuzz", identity=me, kept=dict(disk()), found=(), contingency=True, given=logged(started)
        )
        recorder.recovered(start)
        documents = stored_documents(disk(), world().site, world().verifier)
        agent, effects = Agent.recover(
            me, recorder.signer, expressions, disk(), (), documents, started, shelf=recorder.shelf
        )
        recorder.stepped(agent, [effects], 1)
        events = [started.event, *(Heard(said=one) for one in _overheard()), DeadlinePassed()]
    else:
        state = dump(Listener().agent)
        recorder.recovered(Continued(version="fuzz", node=ME, wall_ms=1, state=state))
        agent, events = load_agent(state, recorder.signer, expressions), [DeadlinePassed()] * 3
    for number, event in enumerate(events):
        given: Input[Any] = Input(id=f"{ME}-{number}", at_ms=at_ms + 700 * number, wall_ms=1, draw=number, event=event)
        recorder.stepping([given])
        steps = [agent.step(given)]
        for message in said_in(steps[0]):
            agent.seal_message(message)
        recorder.stepped(agent, steps, 1)
    recorder.close(agent)
    return tuple(segments.records)


def _overheard() -> Iterator[Verified[Any]]:
    """What others said, a statement of each kind."""
    listener = Listener()
    for kind, words in said().items():
        for signer, body in [word for word in words if word[0] != ME][:1]:
            yield from listener.opened(statement(kind, body, signer))


def grow_inputs(dice: Dice) -> bytes:
    """Checksums are made to fit: what they find needs no more looking for."""
    records = list(_segment(from_disk=bool(dice.below(2))))
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


def check_inputs(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "1.inputs")
        path.write_bytes(raw)
        why = Why("hq/shop-files/store#1")
        with suppress(Torn, Damaged, Diverged):
            Replay(world().verifier, world().book.expressions, why.watch).run(records_in(path))


SETTINGS = (
    '{"site": "shop", "node": "n1", "manager": "hq", "uplink": "tls/10.0.0.1:7446", "listen": ["tls/10.0.0.2:7447"]}'
)


def check_settings(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, SETTINGS_FILE).write_bytes(raw)
        with suppress(SettingsError):
            load_settings(Path(folder)).retention()
