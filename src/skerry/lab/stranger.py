"""A process with a certificate of the site's authority and no place in its roster: sends forged, replayed and foreign
claims onto the site's fabric until it is ended. Nothing that it says may have any effect (N6, I8).

    python stranger.py SETTINGS.json    {"site", "identity", "listen", "peers": [...], "seed", "claims": file}

Forged: statements in the name of members, of the manager and of an operator, signed with its own key. Replayed: every
statement that it hears, sent again, later and to all. Foreign: good statements of another site, and noise. What it
sent is counted in `claims`, one JSON object, rewritten each second.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from skerry.adapters.keys.ed25519 import NodeSigner, load_key
from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.core.conversation import kind_of
from skerry.core.group.election.wire import Follow, FollowMe
from skerry.core.group.granting.wire import GrantRelease
from skerry.core.kernel.ids import LifeId, ManagerId, NodeId, PlanId
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import encode
from skerry.core.stages.ir.model import Roster, RosterEntry
from skerry.core.stages.negotiation.model import Plan

NAME = "stranger"
ABSURD_TERM = 1_000_000
"""No honest site gets there: who sees it in a status knows where it came from."""
PAUSE_S = 0.5
HEARD_MAX = 200


class Stranger:
    """Sends all that it can think of."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._site: str = settings["site"]
        self._seed: int = settings["seed"]
        self._members: list[str] = settings["members"]
        tls = TlsFiles.within(Path(settings["identity"]))
        self._signer = NodeSigner(load_key(tls.key))
        self._claims = Path(settings["claims"])
        self._heard: list[bytes] = []
        self._sent = {"forged": 0, "replayed": 0, "foreign": 0}
        self._number = 0
        self._fabric = ZenohFabric(
            site=self._site, node=NodeId(NAME), listen=[settings["listen"]], peers=settings["peers"], tls=tls
        )
        self._fabric.on_message(self._hear)

    def _hear(self, payload: bytes) -> None:
        if len(self._heard) < HEARD_MAX:
            self._heard.append(payload)

    async def run(self) -> None:
        """Until a signal comes."""
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await self._fabric.open()
        while not ended.is_set():
            self._forge()
            self._replay()
            self._babble()
            self._tell()
            try:
                await asyncio.wait_for(ended.wait(), PAUSE_S)
            except TimeoutError:
                continue  # not yet
        await self._fabric.close()

    def _draw(self, what: str, below: int) -> int:
        return (
            int.from_bytes(hashlib.sha256(f"{self._seed}/{self._number}/{what}".encode()).digest()[:8], "big") % below
        )

    def _forge(self) -> None:
        """In somebody's name, with a key that is not theirs."""
        victim = self._members[self._draw("victim", len(self._members))]
        mine = RosterEntry(node=NAME, public_key=self._signer.public_key)
        bodies: list[tuple[str, Any]] = [
            (victim, FollowMe(term=ABSURD_TERM)),
            (victim, Follow(term=ABSURD_TERM, leader=NodeId(NAME))),
            (victim, GrantRelease(number=ABSURD_TERM, keys=())),
            (
                victim,
                Plan(
                    id=PlanId(term=ABSURD_TERM, leader=NodeId(victim), number=1),
                    members=(),
                    sections={},
                    isolated_from=(),
                    wall_ms=0,
                ),
            ),
            (
                "hq",
                Roster(
                    site=self._site, version=2, predecessor="", manager=ManagerId("hq"),
                    manager_key=self._signer.public_key, members={NAME: mine},
                ),
            ),
            (NAME, FollowMe(term=ABSURD_TERM)),
        ]  # fmt: skip
        for name, body in bodies:
            self._say(self._sealed(self._site, name, body))
            self._sent["forged"] += 1

    def _replay(self) -> None:
        """What was said once, and was true then."""
        for _ in range(min(3, len(self._heard))):
            self._number += 1
            self._fabric.send(None, self._heard[self._draw("old", len(self._heard))])
            self._sent["replayed"] += 1

    def _babble(self) -> None:
        """Of another site, of an unknown kind, of no form at all, and a good one with a byte changed."""
        self._say(self._sealed("elsewhere", self._members[0], FollowMe(term=ABSURD_TERM)))
        unknown = Statement(kind="gossip", site=self._site, signer=NAME, life="-", number=1, body=b"\x80")
        self._say(seal(self._signer, unknown))
        self._fabric.send(None, secrets.token_bytes(64))
        if self._heard:
            damaged = bytearray(self._heard[self._draw("damaged", len(self._heard))])
            damaged[self._draw("where", len(damaged))] ^= 1
            self._fabric.send(None, bytes(damaged))
        self._sent["foreign"] += 4

    def _sealed(self, site: str, signer: str, body: Any) -> Sealed:
        self._number += 1
        return seal(
            self._signer,
            Statement(
                kind=kind_of(body), site=site, signer=signer, life=LifeId("ffffffffffffffff"),
                number=ABSURD_TERM + self._number, body=encode(body),
            ),
        )  # fmt: skip

    def _say(self, sealed: Sealed) -> None:
        self._fabric.send(None, encode(sealed))

    def _tell(self) -> None:
        fresh = self._claims.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self._sent))
        fresh.replace(self._claims)


def main() -> int:
    """Run it until a signal comes."""
    asyncio.run(Stranger(json.loads(Path(sys.argv[1]).read_text())).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
