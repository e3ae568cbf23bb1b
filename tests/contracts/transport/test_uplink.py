"""What every `Uplink` and `Hub` do together."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import Hub, Uplink
from tests.contracts.transport.world import World, until


class Caller:
    """An uplink, what it heard and whether it is up."""

    def __init__(self, uplink: Uplink) -> None:
        self.uplink = uplink
        self.heard: list[bytes] = []
        self.sessions: list[bool] = []
        uplink.on_message(self.heard.append)
        uplink.on_session(self.sessions.append)

    @property
    def up(self) -> bool:
        return bool(self.sessions) and self.sessions[-1]


class Manager:
    """A hub that answers each message with itself."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.heard: list[tuple[str, str, bytes]] = []
        hub.on_message(self._hear)

    def _hear(self, site: str, node: NodeId, payload: bytes) -> None:
        self.heard.append((site, node, payload))
        self.hub.send(site, node, b"re: " + payload)


async def call(stack: AsyncExitStack, world: World, site: str, node: str) -> Caller:
    caller = Caller(world.uplink(site, node))
    stack.push_async_callback(caller.uplink.close)
    await caller.uplink.open()
    return caller


async def listen(stack: AsyncExitStack, world: World, *sites: str) -> Manager:
    manager = Manager(world.hub(sites))
    stack.push_async_callback(manager.hub.close)
    await manager.hub.open()
    return manager


def test_a_question_is_answered_to_the_node_that_asked(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            manager = await listen(stack, world, "alpha", "beta")
            one, two = await call(stack, world, "alpha", "n1"), await call(stack, world, "beta", "n1")
            await until(lambda: one.up and two.up, "both sessions")
            one.uplink.send(b"are you there?")
            await until(lambda: bool(one.heard), "an answer")
            assert manager.heard == [("alpha", "n1", b"are you there?")]
            assert (one.heard, two.heard) == ([b"re: are you there?"], [])

    asyncio.run(scene())


def test_opening_returns_at_once_and_the_session_comes_when_the_manager_does(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            caller = await asyncio.wait_for(call(stack, world, "alpha", "n1"), 0.5)
            caller.uplink.send(b"to nobody")
            manager = await listen(stack, world, "alpha")
            await until(lambda: caller.up, "a session")
            caller.uplink.send(b"to somebody")
            await until(lambda: bool(caller.heard), "an answer")
            assert manager.heard == [("alpha", "n1", b"to somebody")]

    asyncio.run(scene())


def test_a_manager_that_goes_and_comes_back_is_found_again(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            manager = await listen(stack, world, "alpha")
            caller = await call(stack, world, "alpha", "n1")
            await until(lambda: caller.up, "a session")
            await manager.hub.close()
            await until(lambda: not caller.up, "the loss is seen")
            await manager.hub.open()
            await until(lambda: caller.up, "a new session")
            caller.uplink.send(b"again")
            await until(lambda: caller.heard == [b"re: again"], "an answer")
            assert caller.sessions == [True, False, True]

    asyncio.run(scene())


def test_an_uplink_can_be_closed_and_opened_again(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            await listen(stack, world, "alpha")
            caller = await call(stack, world, "alpha", "n1")
            await until(lambda: caller.up, "a session")
            await caller.uplink.close()
            await until(lambda: not caller.up, "the end is told")
            await caller.uplink.open()
            await until(lambda: caller.up, "a second session")
            caller.uplink.send(b"second")
            await until(lambda: caller.heard == [b"re: second"], "an answer")

    asyncio.run(scene())


def test_closing_while_still_trying_ends_the_trying(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            caller = await call(stack, world, "alpha", "n1")
            await asyncio.wait_for(caller.uplink.close(), 5)
            manager = await listen(stack, world, "alpha")
            other = await call(stack, world, "alpha", "n2")
            await until(lambda: other.up, "the other's session")
            manager.hub.send("alpha", NodeId("n1"), b"for who has gone")
            other.uplink.send(b"for who is there")
            await until(lambda: bool(other.heard), "an answer")
            assert (caller.sessions, caller.heard) == ([], [])

    asyncio.run(scene())


def test_a_site_has_a_session_only_while_it_is_admitted(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            manager = await listen(stack, world, "alpha")
            one, two = await call(stack, world, "alpha", "n1"), await call(stack, world, "beta", "n1")
            await until(lambda: one.up, "alpha's session")
            assert not two.up
            await manager.hub.admit(["alpha", "beta"])
            await until(lambda: one.up and two.up, "both sessions")
            await manager.hub.admit(["beta"])
            await until(lambda: two.up and not one.up, "beta's session alone")

    asyncio.run(scene())
