"""Puts a manager together and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from skerry.adapters.cel import CelExpressions
from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.files import write_public
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.adapters.store.store import Store
from skerry.adapters.zenoh.hub import ZenohHub
from skerry.api.manager import application
from skerry.api.office import Office
from skerry.api.serving import serving

ADMIN = "admin"
HOSTS = ("localhost", "127.0.0.1")


def run_manager(
    folder: Path,
    name: str,
    api: str,
    uplink: str,
    database: str | None,
    hosts: tuple[str, ...],
    ready: Callable[[str], None],
) -> None:
    """Run a manager; returns after SIGTERM or SIGINT. Its first start makes authority, keys and the operator `admin`.

    `api` and `uplink` are `<host>:<port>`; `hosts` further names under which it is reached. `ready` is called with one
    line once it listens. Raises `StoreError`, `TransportError`, `ApiError`, `KeyFileError` or `CertificateError`.
    """
    asyncio.run(_run(folder, name, api, uplink, database, hosts, ready))


def make_token(folder: Path, database: str | None, site: str, node: str | None, ttl_s: int) -> str:
    """A join token, made beside a running manager on its own machine. Raises `NotDone`, `StoreError`."""
    return asyncio.run(_make_token(folder, database, site, node, ttl_s))


async def _run(
    folder: Path,
    name: str,
    api: str,
    uplink: str,
    database: str | None,
    hosts: tuple[str, ...],
    ready: Callable[[str], None],
) -> None:
    tls, authority = _identity(folder, name, hosts)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    hub = ZenohHub(listen=(f"tls/{uplink}",), tls=tls)
    office = _office(folder, name, uplink, database, tls, authority, hub)
    try:
        await office.open(stopped)
        async with serving(application(office), api, tls, strangers=True) as address:
            ready(f"manager {name} runs; API at https://{address}, nodes at tls/{uplink}")
            await stopped.wait()
            if office.failure is not None:
                raise office.failure
    finally:
        await office.close()


async def _make_token(folder: Path, database: str | None, site: str, node: str | None, ttl_s: int) -> str:
    authority = x509.load_authority(folder / "authority" / "key.pem", folder / "authority" / "cert.pem")
    store = Store(database or _default_database(folder))
    await store.open()
    try:
        return await Office.make_token_in(store, authority, site, node, ttl_s)
    finally:
        await store.close()


def _office(
    folder: Path, name: str, uplink: str, database: str | None, tls: TlsFiles, authority: x509.Authority, hub: ZenohHub
) -> Office:
    seed = ed25519.load_key(tls.key)
    operators = {
        place.name: ed25519.public_key(ed25519.load_key(place / "key.pem"))
        for place in sorted((folder / "operators").iterdir())
    }
    return Office(
        name=name,
        uplink=f"tls/{uplink}",
        store=Store(database or _default_database(folder)),
        hub=hub,
        authority=authority,
        signer=ed25519.NodeSigner(seed),
        public_key=ed25519.public_key(seed),
        verifier=ed25519.NaclVerifier(),
        expressions=CelExpressions(),
        operators=operators,
    )


def _default_database(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder.absolute() / 'manager.db'}"


def _identity(folder: Path, name: str, hosts: tuple[str, ...]) -> tuple[TlsFiles, x509.Authority]:
    """Load the manager's keys, or make them: its authority, its own certificate, and its first operator's."""
    tls = TlsFiles.within(folder)
    place = folder / "authority"
    if (place / "cert.pem").exists() and tls.certificate.exists():
        return tls, x509.load_authority(place / "key.pem", place / "cert.pem")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.mkdir(exist_ok=True, mode=0o700)
    seed, authority = x509.create_authority(name)
    ed25519.save_key(place / "key.pem", seed)
    write_public(place / "cert.pem", authority.certificate_pem)
    admin = folder / "operators" / ADMIN
    admin.mkdir(parents=True, exist_ok=True, mode=0o700)
    _enrol(authority, admin, Identity(kind=Kind.OPERATOR, site="", name=ADMIN), ())
    _enrol(authority, folder, Identity(kind=Kind.MANAGER, site="", name=name), (*HOSTS, *hosts))
    return tls, authority


def _enrol(authority: x509.Authority, folder: Path, who: Identity, hosts: tuple[str, ...]) -> None:
    seed = ed25519.generate()
    certificate = authority.issue(x509.create_request(seed), who, hosts)
    x509.save(TlsFiles.within(folder), authority_pem=authority.certificate_pem, certificate_pem=certificate, seed=seed)
