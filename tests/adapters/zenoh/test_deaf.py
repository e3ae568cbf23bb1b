"""A link over which nothing is known of the far end is broken off, to be dialed anew; no other is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import zenoh

from skerry.adapters.zenoh import config, deaf, keys
from skerry.adapters.zenoh.deaf import PATIENCE_LONGEST_S, PATIENCE_S, REMEMBERED_FOR_S, DeafLinks
from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.core.kernel.ids import NodeId
from tests.contracts.transport.test_fabric import Member
from tests.contracts.transport.world import Papers, endpoint, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(deaf, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(deaf, "PATIENCE_S", 0.5)


class Looking:
    """A member, and to whom it broke a link off."""

    def __init__(self, papers: Papers, name: str, own: str, *peers: str) -> None:
        tls = papers.node("alpha", name)
        self.fabric = ZenohFabric(site="alpha", node=NodeId(name), listen=[own], peers=peers, tls=tls, gossip=False)
        self.member = Member(self.fabric)
        self.broken_off: list[str] = []
        self.fabric.on_broken_off(self.broken_off.append)

    @property
    def links(self) -> set[tuple[str, str]]:
        assert self.fabric._session is not None
        return {(link.src, link.dst) for link in self.fabric._session.info.links()}


async def opened(stack: AsyncExitStack, looking: Looking) -> Looking:
    stack.push_async_callback(looking.fabric.close)
    await looking.fabric.open()
    return looking


async def silent_at(stack: AsyncExitStack, papers: Papers, place: str) -> zenoh.Session:
    """A session of the site's by its certificate; it declares nothing."""
    tls = papers.node("alpha", "n9")
    link = config.Link(mode="peer", tls=tls, connect=(place,), lease_ms=1_000, setup_within_ms=3_000)
    silent = await asyncio.to_thread(zenoh.open, config.settings(link, keys.fabric_access("alpha")))
    stack.callback(silent.close)
    return silent


async def with_a_silent_one(stack: AsyncExitStack, papers: Papers, place: str) -> tuple[Looking, zenoh.Session]:
    """A member, and such a session that has dialed it."""
    return await opened(stack, Looking(papers, "n1", place)), await silent_at(stack, papers, place)


def play(scene: Callable[[AsyncExitStack], Any]) -> None:
    async def within() -> None:
        async with AsyncExitStack() as stack:
            await scene(stack)

    asyncio.run(within())


def test_who_is_linked_and_has_declared_nothing_is_broken_off_and_may_dial_anew(papers: Papers) -> None:
    async def scene(stack: AsyncExitStack) -> None:
        n1, _ = await with_a_silent_one(stack, papers, endpoint())
        await until(lambda: n1.links != set(), "it is linked")
        first = n1.links
        await until(lambda: n1.broken_off != [], "it is broken off")
        assert n1.broken_off[0] in {far for _, far in first}, "whoever it is, it is known from where"
        await until(lambda: n1.links not in (first, set()), "it has dialed again")

    play(scene)


def test_who_has_a_token_and_is_not_heard_is_broken_off_too(papers: Papers) -> None:
    async def scene(stack: AsyncExitStack) -> None:
        n1, silent = await with_a_silent_one(stack, papers, endpoint())
        heard: list[bool] = []
        n1.fabric.on_silence(lambda: [] if heard else [NodeId("n9")])
        token = silent.liveliness().declare_token(
            keys.alive("alpha", "n9", deaf.incarnation_of(str(silent.info.zid())))
        )
        await until(lambda: n1.member.present == {"n9"}, "it is seen")
        first = n1.links
        await until(lambda: n1.broken_off[:1] == ["n9"], "it is broken off")
        heard.append(True)
        await until(lambda: n1.member.present == {"n9"} and n1.links not in (first, set()), "it has dialed again")
        kept, before = n1.links, len(n1.broken_off)
        await asyncio.sleep(2 * deaf.PATIENCE_S + 2 * deaf.LOOK_EVERY_S)
        assert (n1.links, len(n1.broken_off)) == (kept, before), "who is heard is left alone"
        token.undeclare()

    play(scene)


def test_members_that_see_each_other_keep_their_links(papers: Papers) -> None:
    async def scene(stack: AsyncExitStack) -> None:
        places = [endpoint(), endpoint()]
        n1 = await opened(stack, Looking(papers, "n1", places[0]))
        n2 = await opened(stack, Looking(papers, "n2", places[1], places[0]))
        await until(lambda: n1.member.present == {"n2"} and n2.member.present == {"n1"}, "each sees the other")
        first = n1.links, n2.links
        await silent_at(stack, papers, places[0])  # for which it breaks something off meanwhile
        await until(lambda: n1.broken_off != [], "it has looked for long enough")
        assert first[0] <= n1.links and first[1] == n2.links
        assert n2.broken_off == []
        assert n1.member.seen == [("n2", True)]

    play(scene)


@dataclass(frozen=True)
class Ring:
    """As much of a link as is looked at."""

    zid: str
    src: str = ""
    dst: str = ""


class Watched:
    """What is known of the sessions at the other ends, looked at by hand."""

    def __init__(self, *numbers: str) -> None:
        self.links: Any = [Ring(number) for number in numbers]
        self.tokens: set[str] = set()
        self.silent: set[str] = set()
        self._deaf = asyncio.run(self._made())

    async def _made(self) -> DeafLinks:
        nobody: Any = None  # it is asked for its links by the timer alone
        made = DeafLinks(nobody, lambda: self.tokens, lambda: self.silent, lambda number, address: None)
        made.close()
        return made

    def overdue(self, at_s: float) -> list[str]:
        return [str(link.zid) for link in self._deaf._overdue(self.links, at_s)]


@pytest.fixture
def patient(monkeypatch) -> None:
    monkeypatch.setattr(deaf, "PATIENCE_S", PATIENCE_S)


@pytest.mark.usefixtures("patient")
class TestWhatIsOverdue:
    def test_each_time_it_is_waited_for_twice_as_long_up_to_a_bound(self) -> None:
        watched = Watched("a1")
        broken_off = [s for s in range(200) if watched.overdue(s)]
        waits = [after - before for before, after in pairwise([0, *broken_off])]
        assert waits[0] == PATIENCE_S
        assert waits[1] == 2 * PATIENCE_S + 1, "counted from when it is seen again"
        assert waits[2:] == [PATIENCE_LONGEST_S + 1] * len(waits[2:]) and waits[2:]

    def test_with_its_token_it_is_deaf_no_more_and_after_a_while_forgiven(self) -> None:
        watched = Watched("a1", "b2")
        assert watched.overdue(0) == []
        watched.tokens = {"sa1"}
        assert watched.overdue(PATIENCE_S) == ["b2"]
        watched.tokens = {"sa1", "sb2"}
        assert watched.overdue(PATIENCE_S + REMEMBERED_FOR_S) == []
        watched.tokens = set()
        assert watched.overdue(200) == []
        assert watched.overdue(200 + PATIENCE_S) == ["a1", "b2"]

    def test_no_more_is_remembered_than_was_broken_off_lately(self) -> None:
        watched = Watched()
        for number in range(500):
            watched.links = [Ring(f"{number:x}")]
            for at_s in (0, PATIENCE_S):
                watched.overdue(number * PATIENCE_S * 2 + at_s)
        assert len(watched._deaf._broken_off) <= REMEMBERED_FOR_S / (2 * PATIENCE_S) + 1

    def test_a_token_of_an_older_version_could_be_anybodys(self) -> None:
        watched = Watched("a1")
        watched.tokens = {"0123456789abcdef"}
        assert all(watched.overdue(s) == [] for s in range(100))

    def test_a_token_of_a_session_that_is_linked_no_more_is_nobodys_else(self) -> None:
        watched = Watched("a1")
        watched.tokens = {"sb2"}
        assert watched.overdue(0) == []
        assert watched.overdue(PATIENCE_S) == ["a1"]

    def test_who_is_not_heard_is_deaf_though_its_token_is_here(self) -> None:
        watched = Watched("a1", "b2")
        watched.tokens, watched.silent = {"sa1", "sb2", "0123456789abcdef"}, {"sb2"}
        assert watched.overdue(0) == []
        assert watched.overdue(PATIENCE_S) == ["b2"]
        watched.silent = set()
        assert watched.overdue(9 * PATIENCE_S) == []


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("tls/192.0.2.7:7447", ("192.0.2.7", 7447)),
        ("tls/[2001:DB8::7]:7447", ("2001:db8::7", 7447)),
        ("tls/[fe80::1%2]:7447", ("fe80::1", 7447)),
    ],
)
def test_an_endpoint_is_compared_by_its_address(endpoint: str, address: tuple[str, int]) -> None:
    assert deaf._address(endpoint) == address
