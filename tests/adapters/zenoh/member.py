"""One member of a site as a process of its own, to be stopped and killed: `member.py FOLDER SITE NODE LISTEN PEER...`.

FOLDER holds its identity. It answers every message with `<node>: <message>` to all, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.core.kernel.ids import NodeId


async def main(folder: str, site: str, node: str, listen: str, *peers: str) -> None:
    fabric = ZenohFabric(site=site, node=NodeId(node), listen=[listen], peers=peers, tls=TlsFiles.within(Path(folder)))
    fabric.on_message(lambda payload: fabric.send(None, f"{node}: ".encode() + payload))
    await fabric.open()
    await asyncio.to_thread(sys.stdin.read)
    await fabric.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
