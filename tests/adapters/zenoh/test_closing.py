"""No close is held up: see `skerry.adapters.zenoh.closing` for what happens to the other links otherwise."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import AsyncExitStack, suppress

from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.core.kernel.ids import NodeId
from tests.contracts.transport.test_fabric import Member
from tests.contracts.transport.world import Papers, endpoint, until


def lingering() -> tuple[int, int]:
    """How many sockets of this process are connected by TCP, and how many of those would hold up their close."""
    connected = held_up = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed since it was listed, or connected to nobody
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                one.getpeername()
                if one.family == socket.AF_INET and one.type == socket.SOCK_STREAM:
                    connected += 1
                    held_up += struct.unpack("ii", one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0]
    return connected, held_up


def test_no_link_between_two_members_holds_up_its_close(papers: Papers) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            own, other = endpoint(), endpoint()
            members = []
            for name, listen, peer in (("n1", own, other), ("n2", other, own)):
                tls = papers.node("alpha", name)
                members.append(
                    Member(ZenohFabric(site="alpha", node=NodeId(name), listen=[listen], peers=[peer], tls=tls))
                )
                stack.push_async_callback(members[-1].fabric.close)
                await members[-1].fabric.open()
            await until(lambda: all(member.present for member in members), "both are seen")
            await until(lambda: lingering()[0] >= 2 and lingering()[1] == 0, "no socket lingers")

    asyncio.run(scene())
