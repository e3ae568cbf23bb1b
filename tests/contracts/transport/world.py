"""Where the transport suites run: over memory, and over real Zenoh sessions with certificates of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.adapters.memory.transport import Ether, MemoryFabric, MemoryHub, MemoryUplink
from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.adapters.zenoh.hub import ZenohHub
from skerry.adapters.zenoh.uplink import ZenohUplink
from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import Fabric, Hub, Uplink
from tests.support.ports import free_port

PATIENCE_S = 20.0


async def until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> float:
    """Wait for it; the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, f"waited {within_s} s in vain for: {what}"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def endpoint() -> str:
    return f"tls/127.0.0.1:{free_port()}"


class Papers:
    """One authority and the identities that it signed, on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _, self._authority = x509.create_authority("home")

    def of(self, kind: Kind, site: str, name: str) -> TlsFiles:
        folder = self._folder / f"{kind}-{site}-{name}"
        files = TlsFiles.within(folder)
        if not folder.exists():
            folder.mkdir()
            seed = ed25519.generate()
            signed = self._authority.issue(x509.create_request(seed), Identity(kind=kind, site=site, name=name))
            x509.save(files, authority_pem=self._authority.certificate_pem, certificate_pem=signed, seed=seed)
        return files

    def node(self, site: str, name: str) -> TlsFiles:
        return self.of(Kind.NODE, site, name)

    def manager(self) -> TlsFiles:
        return self.of(Kind.MANAGER, "", "home")


class World(Protocol):
    """Makes ends that can reach each other."""

    def fabric(self, site: str, node: str) -> Fabric: ...
    def uplink(self, site: str, node: str) -> Uplink: ...
    def hub(self, sites: Collection[str]) -> Hub: ...


class MemoryWorld:
    def __init__(self) -> None:
        self._ether = Ether()

    def fabric(self, site: str, node: str) -> Fabric:
        return MemoryFabric(self._ether, site=site, node=NodeId(node))

    def uplink(self, site: str, node: str) -> Uplink:
        return MemoryUplink(self._ether, site=site, node=NodeId(node), manager="home")

    def hub(self, sites: Collection[str]) -> Hub:
        return MemoryHub(self._ether, name="home", sites=sites)


class ZenohWorld:
    def __init__(self, papers: Papers) -> None:
        self._papers = papers
        self._manager = endpoint()
        self._places: dict[str, str] = {}

    def fabric(self, site: str, node: str) -> Fabric:
        own = self._places.setdefault(f"{site}/{node}", endpoint())
        return ZenohFabric(
            site=site,
            node=NodeId(node),
            listen=[own],
            peers=[place for place in self._places.values() if place != own],
            tls=self._papers.node(site, node),
        )

    def uplink(self, site: str, node: str) -> Uplink:
        return ZenohUplink(
            site=site, node=NodeId(node), manager=self._manager, tls=self._papers.node(site, node), lease_ms=1000
        )

    def hub(self, sites: Collection[str]) -> Hub:
        return ZenohHub(listen=[self._manager], tls=self._papers.manager(), sites=sites)
