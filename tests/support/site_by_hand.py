"""A site as its nodes' disks look after joining, made without a manager: for tests of nodes that never see theirs.

A manager's key is made, signs roster, site settings and the IRs of all intents, and is forgotten. What lies in each
folder is what `skerry agent join` leaves there: key and certificate, `agent.json`, `node.yaml`, and the state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from skerry.adapters.cel import CelExpressions
from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.adapters.manifests.checking import check
from skerry.adapters.manifests.documents import load_file
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.conversation import document_of, kind_of, open_sealed
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.kernel.effects import Put
from skerry.core.kernel.ids import LifeId, ManagerId, NodeId
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import encode
from skerry.core.stages.intent.model import Catalogue, Intent, Site
from skerry.core.stages.ir.model import Roster, RosterEntry, SiteDocument
from skerry.core.stages.ir.rules import site_document, translate

MANAGER = ManagerId("hq")
FABRIC_PORT = 7447
API_PORT = 7600


class Place(NamedTuple):
    """What a test decides about one node."""

    address: str
    uplink: str
    """Where it would find its manager."""
    peers: tuple[str, ...] = ()
    """Addresses of other nodes that it knows beforehand."""
    multicast: str | None = None
    """The device on which it looks for others."""
    capabilities: tuple[str, ...] = ()
    """As its owner declares them."""
    programs: tuple[str, ...] = ()
    """That its owner allows; none: those that Skerry brings."""


def make_site(folder: Path, manifests: Path, places: Mapping[str, Place]) -> dict[str, Path]:
    """Write a folder for each node and return them by name. `manifests`: one `Site`, its catalogue, its intents."""
    authority = x509.create_authority("a test's site")[1]
    manager_seed = ed25519.generate()
    seeds = {name: ed25519.generate() for name in places}
    site, bodies = _documents(manifests)
    members = {name: RosterEntry(node=name, public_key=ed25519.public_key(seed)) for name, seed in seeds.items()}
    settings = next(body for body in bodies if isinstance(body, SiteDocument))
    roster = Roster(
        site=site,
        version=1,
        predecessor="",
        manager=MANAGER,
        manager_key=ed25519.public_key(manager_seed),
        members=members,
        tie_breaker=settings.tie_breaker,
        run_once_lease_ms=settings.run_once_lease_ms,
    )
    signed = _signed(manager_seed, site, [roster, *bodies])
    for name, place in places.items():
        home = folder / name
        home.mkdir(mode=0o700)
        identity = Identity(kind=Kind.NODE, site=site, name=name)
        x509.save(
            TlsFiles.within(home),
            authority_pem=authority.certificate_pem,
            certificate_pem=authority.issue(x509.create_request(seeds[name]), identity, [place.address]),
            seed=seeds[name],
        )
        _keep(home, roster, signed)
        (home / "agent.json").write_text(json.dumps(_settings(site, name, place)))
        (home / "node.yaml").write_text(json.dumps(_owners_word(site, name, place)))
    return {name: folder / name for name in places}


def _documents(manifests: Path) -> tuple[str, list[Any]]:
    """The site's name, its settings and the IR of each intent."""
    expressions, documents = CelExpressions(), load_file(manifests)
    catalogue = check(documents, Catalogue(), expressions)
    site = next(d.manifest for d in documents if isinstance(d.manifest, Site))
    intents = [d.manifest for d in documents if isinstance(d.manifest, Intent)]
    irs = [translate(i, catalogue, expressions=expressions, owner=MANAGER, generation=1) for i in intents]
    return site.metadata.name, [site_document(site, catalogue, generation=1), *irs]


def _signed(seed: bytes, site: str, bodies: Iterable[Any]) -> list[Sealed]:
    signer = ed25519.NodeSigner(seed)
    return [
        seal(
            signer,
            Statement(
                kind=kind_of(body), site=site, signer=MANAGER, life=LifeId("-"), number=number, body=encode(body)
            ),
        )
        for number, body in enumerate(bodies, 1)
    ]


def _keep(home: Path, roster: Roster, signed: Iterable[Sealed]) -> None:
    storage, verifier = SqliteStorage(home), ed25519.NaclVerifier()
    for sealed in signed:
        said = open_sealed(sealed, roster.site, lambda _: roster.manager_key, verifier)
        name = document_of(said, roster).name
        storage.commit([Put(key=DOCUMENT_PREFIX + name, value=encode(sealed))])
    storage.close()


def _settings(site: str, name: str, place: Place) -> dict[str, Any]:
    return {
        "site": site,
        "node": NodeId(name),
        "manager": MANAGER,
        "uplink": place.uplink,
        "listen": [f"tls/{place.address}:{FABRIC_PORT}"],
        "peers": [f"tls/{address}:{FABRIC_PORT}" for address in place.peers],
        "multicast": place.multicast,
        "host": place.address,
        "api": f"{place.address}:{API_PORT}",
    }


def _owners_word(site: str, name: str, place: Place) -> dict[str, Any]:
    return {
        "apiVersion": "skerry/v1",
        "kind": "Node",
        "metadata": {"name": name, "site": site},
        "spec": {
            "offers": {"memory": "2Gi", "disk": "10Gi"},
            "declares": {"capabilities": list(place.capabilities)},
            "allows": {"programs": list(place.programs)},
        },
    }
