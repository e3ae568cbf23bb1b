"""What every `Fabric` does, whatever it is made of."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import PAYLOAD_LIMIT_BYTES, Fabric
from tests.contracts.transport.world import World, until


class Member:
    """A fabric and what it heard and saw."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.heard: list[bytes] = []
        self.seen: list[tuple[str, bool]] = []
        self.threads: set[int] = set()
        fabric.on_message(self._hear)
        fabric.on_presence(self._see)

    def _hear(self, payload: bytes) -> None:
        self.heard.append(payload)
        self.threads.add(threading.get_ident())

    def _see(self, node: str, present: bool) -> None:
        self.seen.append((node, present))
        self.threads.add(threading.get_ident())

    @property
    def present(self) -> set[str]:
        return {node for node, there in dict(self.seen).items() if there}


async def join(stack: AsyncExitStack, world: World, site: str, *names: str) -> dict[str, Member]:
    """Open one member a name, and wait until each sees all others."""
    members: dict[str, Member] = {}
    for name in names:
        members[name] = Member(world.fabric(site, name))
        stack.push_async_callback(members[name].fabric.close)
        await members[name].fabric.open()
    everybody = set(names)
    await until(lambda: all(m.present == everybody - {n} for n, m in members.items()), "each sees all others")
    return members


def test_a_message_to_one_member_reaches_that_member_alone(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            members = await join(stack, world, "alpha", "n1", "n2", "n3")
            members["n1"].fabric.send(NodeId("n2"), b"for n2")
            members["n1"].fabric.send(NodeId("n3"), b"for n3")
            members["n1"].fabric.send(None, b"for all")
            # In any order: what goes to one and what goes to all may overtake each other.
            await until(lambda: all(len(members[n].heard) == 2 for n in ("n2", "n3")), "both heard two messages")
            assert sorted(members["n2"].heard) == [b"for all", b"for n2"]
            assert sorted(members["n3"].heard) == [b"for all", b"for n3"]

    asyncio.run(scene())


def test_what_goes_to_all_does_not_come_back_to_who_said_it(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            members = await join(stack, world, "alpha", "n1", "n2")
            members["n1"].fabric.send(None, b"mine")
            members["n1"].fabric.send(NodeId("n1"), b"to myself")
            await until(lambda: members["n2"].heard == [b"mine"], "n2 heard it")
            members["n2"].fabric.send(None, b"yours")
            await until(lambda: bool(members["n1"].heard), "n1 heard the answer")
            assert members["n1"].heard == [b"yours"]

    asyncio.run(scene())


def test_a_member_that_leaves_is_seen_to_leave_and_to_come_back(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            members = await join(stack, world, "alpha", "n1", "n2")
            await members["n2"].fabric.close()
            await until(lambda: members["n1"].present == set(), "n1 sees n2 leave")
            again = Member(world.fabric("alpha", "n2"))
            stack.push_async_callback(again.fabric.close)
            await again.fabric.open()
            await until(lambda: members["n1"].present == {"n2"} and again.present == {"n1"}, "both are back")
            assert [there for _, there in members["n1"].seen] == [True, False, True]

    asyncio.run(scene())


def test_handlers_run_on_the_thread_of_the_loop(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            members = await join(stack, world, "alpha", "n1", "n2")
            members["n1"].fabric.send(None, b"hello")
            await until(lambda: bool(members["n2"].heard), "n2 heard it")
            assert members["n1"].threads | members["n2"].threads == {threading.get_ident()}

    asyncio.run(scene())


def test_two_sites_do_not_hear_or_see_each_other(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            alpha = await join(stack, world, "alpha", "n1", "n2")
            beta = await join(stack, world, "beta", "n1", "n2")
            alpha["n1"].fabric.send(None, b"alpha's")
            beta["n1"].fabric.send(None, b"beta's")
            await until(lambda: bool(alpha["n2"].heard) and bool(beta["n2"].heard), "each site heard its own")
            assert (alpha["n2"].heard, beta["n2"].heard) == ([b"alpha's"], [b"beta's"])

    asyncio.run(scene())


def test_a_megabyte_arrives_whole_and_what_is_over_the_limit_is_lost_without_harm(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            members = await join(stack, world, "alpha", "n1", "n2")
            members["n1"].fabric.send(NodeId("n2"), b"x" * (PAYLOAD_LIMIT_BYTES + 1))
            members["n1"].fabric.send(NodeId("n2"), bytes(range(256)) * 4096)
            await until(lambda: bool(members["n2"].heard), "the megabyte arrived")
            assert members["n2"].heard == [bytes(range(256)) * 4096]
            assert (members["n1"].fabric.lost, members["n2"].fabric.lost) == (1, 0)

    asyncio.run(scene())


def test_nothing_is_heard_after_closing_and_sending_then_is_harmless(world: World) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            members = await join(stack, world, "alpha", "n1", "n2")
            members["n1"].fabric.send(None, b"early")
            await members["n2"].fabric.close()
            heard = len(members["n2"].heard)
            members["n1"].fabric.send(None, b"late")
            members["n2"].fabric.send(None, b"from the grave")
            await until(lambda: members["n1"].present == set(), "n1 sees n2 leave")
            assert len(members["n2"].heard) == heard
            assert members["n1"].heard == []
            await members["n2"].fabric.close()

    asyncio.run(scene())
