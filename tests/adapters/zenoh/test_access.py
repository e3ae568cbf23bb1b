"""Who gets in, and where: certificates, access rules, and addresses that were not given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import zenoh

from skerry.adapters.keys.tls import Kind, TlsFiles
from skerry.adapters.zenoh import config, keys
from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.adapters.zenoh.hub import ZenohHub
from skerry.adapters.zenoh.uplink import ZenohUplink
from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import TransportError
from tests.contracts.transport.test_fabric import Member
from tests.contracts.transport.test_uplink import Caller, Manager
from tests.contracts.transport.world import Papers, endpoint, until

LONG_ENOUGH_S = 1.5
"""Real members find each other in a hundredth of this; here it is the time in which nothing may happen."""


async def member(stack: AsyncExitStack, tls: TlsFiles, node: str, own: str, *peers: str) -> Member:
    fabric = ZenohFabric(site="alpha", node=NodeId(node), listen=[own], peers=peers, tls=tls)
    joined = Member(fabric)
    stack.push_async_callback(fabric.close)
    await fabric.open()
    return joined


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(lambda papers, folder: papers.node("beta", "n3"), id="a node of another site"),
        pytest.param(lambda papers, folder: papers.of(Kind.CLIENT, "alpha", "n3"), id="a client of the site"),
        pytest.param(lambda papers, folder: Papers(folder).node("alpha", "n3"), id="another authority's node"),
    ],
)
def test_only_a_certificate_of_the_sites_nodes_opens_its_fabric(
    papers: Papers, tmp_path: Path, stranger: Callable[[Papers, Path], TlsFiles]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    files = stranger(papers, tmp_path / "elsewhere")

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            first, second, third = endpoint(), endpoint(), endpoint()
            one = await member(stack, papers.node("alpha", "n1"), "n1", first, second, third)
            two = await member(stack, papers.node("alpha", "n2"), "n2", second, first, third)
            intruder = await member(stack, files, "n3", third, first, second)
            await until(lambda: one.present == {"n2"} and two.present == {"n1"}, "the site is together")
            await asyncio.sleep(LONG_ENOUGH_S)
            one.fabric.send(None, b"between us")
            intruder.fabric.send(None, b"intruding")
            intruder.fabric.send(NodeId("n1"), b"intruding")
            await until(lambda: two.heard == [b"between us"], "n2 heard it")
            await asyncio.sleep(0.2)
            assert (intruder.heard, intruder.present, one.heard) == ([], set(), [])
            assert (one.present, two.present) == ({"n2"}, {"n1"})

    asyncio.run(scene())


def test_a_node_reaches_no_key_of_another_site_at_the_hub(papers: Papers) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            place = endpoint()
            hub = ZenohHub(listen=[place], tls=papers.manager(), sites=["alpha", "beta"])
            manager = Manager(hub)
            stack.push_async_callback(hub.close)
            await hub.open()
            honest = Caller(
                ZenohUplink(
                    site="alpha", node=NodeId("n1"), manager=place, tls=papers.node("alpha", "n1"), lease_ms=2000
                )
            )
            stack.push_async_callback(honest.uplink.close)
            await honest.uplink.open()
            await until(lambda: honest.up, "the honest session")
            overheard: list[str] = []
            session = await asyncio.to_thread(zenoh.open, _client(papers.node("beta", "n9"), place))
            stack.callback(session.close)
            listening = session.declare_subscriber(
                keys.down("alpha", "*"),
                lambda sample: overheard.append(str(sample.key_expr)),
                allowed_origin=zenoh.Locality.REMOTE,
            )
            for key in (
                keys.up("alpha", "n1"),
                keys.down("alpha", "n1"),
                "skerry/alpha/up/**",
                "skerry/*/up/n9",
                "skerry/**",
                "skerry/beta/up/*",
            ):
                session.put(key, b"forged")
            session.put(keys.up("beta", "n9"), b"own")
            await until(lambda: ("beta", "n9", b"own") in manager.heard, "its own message arrived")
            honest.uplink.send(b"mine")
            await until(lambda: honest.heard == [b"re: mine"], "the honest answer")
            assert manager.heard == [("beta", "n9", b"own"), ("alpha", "n1", b"mine")]
            assert hub.lost == 1, "a key with a wildcard names no node"
            assert overheard == []
            listening.undeclare()

    asyncio.run(scene())


def _client(files: TlsFiles, place: str) -> zenoh.Config:
    """A session as a modified program could open it, with a good certificate."""
    return config.settings(
        config.Link(mode="client", tls=files, connect=(place,), lease_ms=5000, setup_within_ms=5000, once=True)
    )


def test_members_without_addresses_do_not_find_each_other_and_an_uplink_finds_only_its_endpoint(papers: Papers) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            one = await member(stack, papers.node("alpha", "n1"), "n1", endpoint())
            two = await member(stack, papers.node("alpha", "n2"), "n2", endpoint())
            hub = ZenohHub(listen=[endpoint()], tls=papers.manager(), sites=["alpha"])
            stack.push_async_callback(hub.close)
            await hub.open()
            astray = Caller(
                ZenohUplink(
                    site="alpha", node=NodeId("n1"), manager=endpoint(), tls=papers.node("alpha", "n1"), lease_ms=1000
                )
            )
            stack.push_async_callback(astray.uplink.close)
            await astray.uplink.open()
            await asyncio.sleep(LONG_ENOUGH_S)
            assert (one.present, two.present, astray.sessions) == (set(), set(), [])

    asyncio.run(scene())


def test_members_find_each_other_by_multicast_where_it_is_asked_for(papers: Papers) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            found: list[Member] = []
            for name in ("n1", "n2"):
                fabric = ZenohFabric(
                    site="alpha",
                    node=NodeId(name),
                    listen=[endpoint()],
                    peers=[],
                    tls=papers.node("alpha", name),
                    multicast="lo",
                )
                found.append(Member(fabric))
                stack.push_async_callback(fabric.close)
                await fabric.open()
            await until(lambda: found[0].present == {"n2"} and found[1].present == {"n1"}, "they find each other")

    asyncio.run(scene())


def test_what_a_fabric_cannot_use_is_refused_with_what_was_expected(papers: Papers, tmp_path: Path) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            own = endpoint()
            good = papers.node("alpha", "n1")
            await member(stack, good, "n1", own)
            with pytest.raises(TransportError, match=r"cannot join site alpha at .*Address already in use"):
                await member(stack, good, "n2", own)
            with pytest.raises(TransportError, match=r"expected tls/<host>:<port>"):
                await member(stack, good, "n2", "tcp/127.0.0.1:7447")
            with pytest.raises(TransportError, match=r"ca\.pem: cannot be read"):
                await member(stack, TlsFiles.within(tmp_path), "n2", endpoint())
            with pytest.raises(TransportError, match=r"node 'n2/\*'"):
                await member(stack, good, "n2/*", endpoint())
            with pytest.raises(TransportError, match=r"device 'nodev'.*there is none"):
                await ZenohFabric(
                    site="alpha", node=NodeId("n2"), listen=[], peers=[], tls=good, multicast="nodev"
                ).open()

    asyncio.run(scene())
