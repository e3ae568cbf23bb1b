"""From other threads to the loop: bounded, in order, and facts are never lost to a flood."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from skerry.adapters.zenoh import handover
from skerry.adapters.zenoh.handover import Handover
from tests.contracts.transport.world import until


def on_a_thread(work: Callable[[], None], times: int = 1) -> None:
    def run() -> None:
        for _ in range(times):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_a_flood_is_cut_off_at_the_bound_and_counted_while_facts_come_through() -> None:
    async def scene() -> None:
        heard: list[bytes] = []
        facts: list[tuple[str, bool]] = []
        queue = Handover(lambda key, payload: heard.append(payload), lambda fact, holds: facts.append((fact, holds)))

        def flood() -> None:
            for number in range(handover.MESSAGES_LIMIT + 100):
                queue.message("k", str(number).encode())
            queue.fact("n2", True)
            queue.fact("n2", False)

        on_a_thread(flood)
        await until(lambda: len(heard) >= handover.MESSAGES_LIMIT, "messages")
        assert heard == [str(number).encode() for number in range(handover.MESSAGES_LIMIT)]
        assert queue.dropped == 100
        assert facts == [("n2", False)]
        on_a_thread(lambda: queue.message("k", b"room again"))
        await until(lambda: heard[-1] == b"room again", "the message after the flood")

    asyncio.run(scene())


def test_large_messages_are_bounded_by_their_bytes() -> None:
    async def scene() -> None:
        heard: list[bytes] = []
        queue = Handover(lambda key, payload: heard.append(payload), lambda fact, holds: None)
        half = bytes(handover.BYTES_LIMIT // 2)
        on_a_thread(lambda: queue.message("k", half), times=3)
        await until(lambda: len(heard) >= 2, "messages")
        assert queue.dropped == 1

    asyncio.run(scene())


def test_a_loop_that_is_flooded_still_gets_on_with_other_work() -> None:
    async def scene() -> None:
        order: list[str] = []
        queue = Handover(lambda key, payload: order.append("message"), lambda fact, holds: None)
        on_a_thread(lambda: queue.message("k", b""), times=500)
        asyncio.get_running_loop().call_soon(order.append, "other work")
        await until(lambda: len(order) == 501, "all of it")
        assert order.index("other work") < 200

    asyncio.run(scene())


def test_nothing_is_handed_over_after_closing() -> None:
    async def scene() -> None:
        heard: list[bytes] = []
        queue = Handover(lambda key, payload: heard.append(payload), lambda fact, holds: None)
        on_a_thread(lambda: queue.message("k", b"waiting"))
        queue.close()
        on_a_thread(lambda: queue.message("k", b"late"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert heard == []

    asyncio.run(scene())
