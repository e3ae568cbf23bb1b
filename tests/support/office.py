"""A real manager process on the loopback device, and a member of one of its sites that speaks for itself.

The member has joined by token over HTTPS and asks over a real uplink; what it says is up to the test.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh.uplink import ZenohUplink
from skerry.core.conversation import Exchange, document_of, key_in, kind_of, open_sealed
from skerry.core.group.custody.model import Version
from skerry.core.group.journal.machine import Journal
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.ir.model import Roster
from skerry.core.stages.negotiation.model import Plan
from skerry.lab.asking import Api, context
from tests.support.ports import free_port

END_WITHIN_S = 40.0
ANSWER_WITHIN_S = 30.0
REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "src" / "skerry" / "examples" / "tiered-storage"
RUN = """
import sys
from pathlib import Path
from skerry.bootstrap.manager import run_manager
folder, name, api, uplink = sys.argv[1:]
run_manager(Path(folder), name, api, uplink, None, (), lambda line: print(line, flush=True))
"""


@dataclass
class RunningManager:
    """One manager's folder and addresses, and the process that runs it now."""

    folder: Path
    name: str = "hq"
    api_address: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    uplink_address: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    process: subprocess.Popen[str] | None = None
    members: dict[str, Member] = field(default_factory=dict)
    """To each site who last joined."""

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End and start it; each site is heard again, since before that nothing new is said to it (J4)."""
        self.end(how)
        self.start()
        for member in self.members.values():
            member.ask()

    def start(self) -> str:
        """Start it and wait for its ready line."""
        process = self.begin()
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"the manager ended: {process.communicate(timeout=END_WITHIN_S)[1]}")
        return line

    def begin(self) -> subprocess.Popen[str]:
        """Start it."""
        argv = [sys.executable, "-c", RUN, str(self.folder), self.name, self.api_address, self.uplink_address]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
        self.process = subprocess.Popen(
            argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder.parent
        )
        return self.process

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; returns its exit code and what it complained of."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(how)
        _, complained = process.communicate(timeout=END_WITHIN_S)
        return process.returncode, complained

    @property
    def admin(self) -> Api:
        """The API, asked by the operator whom the first start made."""
        return Api(self.api_address, context(self.folder / "operators" / "admin"))

    @property
    def stranger(self) -> Api:
        """The API, asked by somebody without a certificate."""
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname = False
        blind.verify_mode = ssl.CERT_NONE
        return Api(self.api_address, blind)

    def apply(self, *texts: str) -> tuple[int, Any]:
        """Apply manifests as `admin`."""
        return self.admin.ask("/v1/apply", body="---\n".join(texts).encode())

    def delete(self, path: str) -> tuple[int, Any]:
        """A DELETE as `admin`."""
        status, raw = self._ask("DELETE", path)
        return status, json.loads(raw)

    def text(self, path: str) -> str:
        """What a GET as `admin` answers that is no JSON."""
        return self._ask("GET", path)[1].decode()

    def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        asking = http.client.HTTPSConnection(
            self.api_address, timeout=10, context=context(self.folder / "operators" / "admin")
        )
        try:
            asking.request(method, path)
            answer = asking.getresponse()
            return answer.status, answer.read()
        finally:
            asking.close()

    def token(self, site: str, **what: Any) -> str:
        """A join token."""
        words = "&".join(f"{name}={value}" for name, value in {"site": site, **what}.items())
        status, answer = self.admin.ask(f"/v1/tokens?{words}", body=b"")
        assert status == 201, answer
        return str(answer["token"])

    def ask_to_join(
        self, token: str, site: str, name: str, request: str | None = None, **besides: str
    ) -> tuple[int, Any]:
        """What a joining node asks, with a key of its own."""
        wanted = request if request is not None else x509.create_request(ed25519.generate()).decode()
        body = {"token": token, "site": site, "name": name, "request": wanted, **besides}
        return self.stranger.ask(
            "/v1/join", body=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )


@contextmanager
def with_two_sites(running: RunningManager) -> Iterator[RunningManager]:
    """Started, with the example's catalogue and the sites `shop` and `depot`; at the end it has to end well."""
    running.start()
    try:
        shop = (EXAMPLE / "site.yaml").read_text()
        depot = shop.replace("name: shop", "name: depot").replace("type: shop", "type: depot")
        status, answer = running.apply((EXAMPLE / "catalogue.yaml").read_text(), shop, depot)
        assert status == 200, answer
        yield running
    finally:
        if running.process is not None:
            code, complained = running.end()
            assert (code, complained) == (0, "")


class Member:
    """A node that has joined, without an agent."""

    def __init__(self, manager: RunningManager, site: str, name: str, folder: Path) -> None:
        """Join with a new token."""
        self.manager, self.site, self.name, self.folder = manager, site, NodeId(name), folder
        seed = ed25519.generate()
        status, joined = manager.ask_to_join(manager.token(site), site, name, x509.create_request(seed).decode())
        assert status == 200, joined
        self.joined = joined
        manager.members[site] = self
        self.signer = ed25519.NodeSigner(seed)
        folder.mkdir()
        x509.save(
            TlsFiles.within(folder),
            authority_pem=joined["ca"].encode(),
            certificate_pem=joined["certificate"].encode(),
            seed=seed,
        )
        self.journal = Journal(me=self.name, site=site, life=LifeId("1"), boot="boot", signer=self.signer)
        self.roster: Roster = max(
            (v.body for v in map(self._opened_plainly, self.sealed_documents()) if isinstance(v.body, Roster)),
            key=lambda roster: roster.version,
        )
        self.held: dict[str, Version] = {}
        """What answers brought so far."""
        self._number = 0

    def sealed_documents(self) -> list[Sealed]:
        """What joining gave."""
        return [decode(base64.b64decode(raw), Sealed) for raw in self.joined["documents"]]

    def _opened_plainly(self, sealed: Sealed) -> Any:
        manager_key = x509.identity_in((self.manager.folder / "cert.pem").read_bytes())[1]
        return open_sealed(sealed, self.site, lambda signer: manager_key, ed25519.NaclVerifier())

    def _opened(self, sealed: Sealed) -> Verified[Any]:
        return open_sealed(sealed, self.site, lambda signer: key_in(self.roster, signer), ed25519.NaclVerifier())

    def documents(self) -> list[Any]:
        """The same, opened: every signature is the manager's."""
        return [self._opened_plainly(sealed).body for sealed in self.sealed_documents()]

    def api(self) -> Api:
        """The manager's API, asked with this node's certificate."""
        return Api(self.manager.api_address, context(self.folder))

    # --- what it says -------------------------------------------------------------------------------------------------

    def say(self, body: Any, life: str = "1") -> Sealed:
        """A statement of this member."""
        self._number += 1
        if isinstance(body, Plan):  # whoever says a plan holds it
            self.held["plan"] = (body.id.term, str(body.id.leader), body.id.number)
        statement = Statement(
            kind=kind_of(body), site=self.site, signer=self.name, life=life, number=self._number, body=encode(body)
        )
        return seal(self.signer, statement)

    def write(self, what: str, about: str = "", kind: str = "decision", age_s: int = 0, **data: Any) -> Sealed:
        """A further entry of this member's journal, written a while ago."""
        wall_ms = int(time.time() * 1000) - age_s * 1000
        at: Input[object] = Input(id=f"i{self._number}", at_ms=self._number, wall_ms=wall_ms, draw=0, event=None)
        self.journal.record(Record(kind=kind, what=what, about=about, data=data), at)
        return self.journal.after(self.journal.own_chain, self.journal.heads[self.journal.own_chain] - 1)[0]

    def ask(self, *items: Sealed) -> Exchange:
        """Ask one question, and keep what the answer brings; what it carries."""
        (answer,) = self.converse([self.question(1, items)], until=1)
        carried = decode(answer.carried, Exchange)
        for item in carried.items:
            kept = document_of(self._opened(item), self.roster)
            self.held[kept.name] = kept.version
        return carried

    def question(self, number: int, items: tuple[Sealed, ...] = ()) -> bytes:
        """A question as it goes over the wire."""
        carried = Exchange(versions=self.held, heads=self.journal.heads, items=items)
        return encode(self.say(Question(number=number, carried=encode(carried))))

    def converse(self, payloads: list[bytes], until: int) -> list[Answer]:
        """Send these over an uplink of its own; every answer up to the one to question `until`."""
        return asyncio.run(self._conversation(payloads, until))

    async def _conversation(self, payloads: list[bytes], until: int) -> list[Answer]:
        tls = TlsFiles.within(self.folder)
        uplink = ZenohUplink(site=self.site, node=self.name, manager=self.joined["uplink"], tls=tls, lease_ms=5_000)
        arrived: asyncio.Queue[bytes] = asyncio.Queue()
        up = asyncio.Event()
        uplink.on_message(arrived.put_nowait)
        uplink.on_session(lambda there: up.set() if there else up.clear())
        await uplink.open()
        answers: list[Answer] = []
        try:
            await asyncio.wait_for(up.wait(), ANSWER_WITHIN_S)
            for payload in payloads:
                uplink.send(payload)
            while not answers or answers[-1].number != until:
                raw = await asyncio.wait_for(arrived.get(), ANSWER_WITHIN_S)
                said = self._opened_plainly(decode(raw, Sealed))
                assert isinstance(said.body, Answer)
                answers.append(said.body)
            return answers
        finally:
            await uplink.close()


def authority_digest(manager: RunningManager) -> str:
    """What stands in every token of a manager."""
    pem = (manager.folder / "ca.pem").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
