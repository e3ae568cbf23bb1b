"""Two agents of one name: the one that came later ends, the one that was there stays."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from skerry.shell.twin import LEASES, Twin, TwinError

LEASE_MS = 100
PATIENCE_S = LEASES * LEASE_MS / 1000


def twin() -> Twin:
    return Twin("shop", "n1", LEASE_MS)


def test_who_came_later_ends_and_who_was_here_before_stays() -> None:
    async def story() -> None:
        before = twin()
        await asyncio.sleep(1.5 * PATIENCE_S)
        later = twin()
        before.seen(True)
        later.seen(True)
        staying = asyncio.get_running_loop().create_task(before.watch())
        with pytest.raises(TwinError, match=r"node 'n1' of site 'shop'.*skerry agent join"):
            await asyncio.wait_for(later.watch(), 10)
        before.seen(False)
        await asyncio.sleep(3.2 * PATIENCE_S)
        assert not staying.done()
        staying.cancel()
        with suppress(asyncio.CancelledError):
            await staying

    asyncio.run(story())


def test_a_token_that_an_earlier_run_left_behind_ends_nobody() -> None:
    async def story() -> None:
        alone = twin()
        alone.seen(True)
        watching = asyncio.get_running_loop().create_task(alone.watch())
        await asyncio.sleep(LEASE_MS / 1000)
        alone.seen(False)
        await asyncio.sleep(1.2 * PATIENCE_S)
        assert not watching.done()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    asyncio.run(story())
