"""Puts a manager together and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from skerry.adapters.cel import CelExpressions
from skerry.adapters.keys import ed25519, x509
from skerry.adapters.keys.files import write_public
from skerry.adapters.keys.tls import Identity, Kind, TlsFiles
from skerry.adapters.store.store import Store, StoreError
from skerry.adapters.zenoh.hub import ZenohHub
from skerry.adapters.zenoh.keys import is_name
from skerry.api import enrolling
from skerry.api.manager import application
from skerry.api.office import Office
from skerry.api.refusing import NotDone
from skerry.api.serving import serving

ADMIN = "admin"
TRUSTED_FILE = "trusted.pem"
"""Whose nodes may connect: those that this manager's own authority vouches for, and at sites where it is a guest those
of the home manager's."""
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


def add_operator(folder: Path, name: str) -> Path:
    """Make a further operator's key and certificate; returns their folder, which `--identity` takes. The right to act
    at sites themselves counts from the manager's next start. Raises `NotDone`, `KeyFileError`, `CertificateError`,
    `OSError`."""
    authority = x509.load_authority(folder / "authority" / "key.pem", folder / "authority" / "cert.pem")
    if not is_name(name):
        raise NotDone(f"operator {name[:80]!r}: expected 1 to 63 letters, digits, '.', '_' or '-'")
    place = folder / "operators" / name
    if (place / "cert.pem").exists():
        raise NotDone(f"{place}: there is an operator of this name already")
    place.mkdir(exist_ok=True, mode=0o700)
    _enrol(authority, place, Identity(kind=Kind.OPERATOR, site="", name=name), ())
    return place


async def _run(
    folder: Path,
    name: str,
    api: str,
    uplink: str,
    database: str | None,
    hosts: tuple[str, ...],
    ready: Callable[[str], None],
) -> None:
    with _held(folder):
        tls, authority = _identity(folder, name, hosts)
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        trusted = folder / TRUSTED_FILE
        hub = ZenohHub(listen=(f"tls/{uplink}",), tls=msgspec.structs.replace(tls, authority=trusted))
        office = _office(folder, name, uplink, database, tls, authority, hub)
        try:
            await office.open(stopped)
            async with serving(application(office), api, tls, strangers=True) as address:
                ready(f"manager {name} runs; API at https://{address}, nodes at tls/{uplink}")
                await stopped.wait()
                if office.correspondence.failure is not None:
                    raise office.correspondence.failure
        finally:
            await office.close()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """One process runs a manager's folder; the system lets the lock go when the process dies. Raises `StoreError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be used ({error.strerror}); give a folder that this user may write"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StoreError(
            f"{folder}: another process runs this manager; stop it first, or give this one a folder of its own"
        ) from None
    finally:
        os.close(lock)


async def _make_token(folder: Path, database: str | None, site: str, node: str | None, ttl_s: int) -> str:
    authority = x509.load_authority(folder / "authority" / "key.pem", folder / "authority" / "cert.pem")
    store = Store(database or _default_database(folder))
    await store.open()
    try:
        return await enrolling.make_token(store, authority, site, node, ttl_s)
    finally:
        await store.close()


def _office(
    folder: Path, name: str, uplink: str, database: str | None, tls: TlsFiles, authority: x509.Authority, hub: ZenohHub
) -> Office:
    seed = ed25519.load_key(tls.key)
    operators = {
        place.name: x509.identity_in((place / "cert.pem").read_bytes())[1]
        for place in sorted((folder / "operators").iterdir())
        if (place / "cert.pem").exists()
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
        trust=lambda others: write_public(
            folder / TRUSTED_FILE, b"".join((authority.certificate_pem, *(one.encode() for one in sorted(set(others)))))
        ),
    )


def _default_database(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder.absolute() / 'manager.db'}"


def _identity(folder: Path, name: str, hosts: tuple[str, ...]) -> tuple[TlsFiles, x509.Authority]:
    """Load the manager's keys, or make what is not there yet: its authority, its first operator, its own certificate.
    An authority that is there is never made anew: all certificates hang on it."""
    tls = TlsFiles.within(folder)
    place, admin = folder / "authority", folder / "operators" / ADMIN
    if not (place / "key.pem").exists():
        place.mkdir(exist_ok=True, mode=0o700)
        seed, fresh = x509.create_authority(name)
        write_public(place / "cert.pem", fresh.certificate_pem)
        ed25519.save_key(place / "key.pem", seed)  # last: from now on it counts
    authority = x509.load_authority(place / "key.pem", place / "cert.pem")
    if not (admin / "cert.pem").exists():
        admin.mkdir(parents=True, exist_ok=True, mode=0o700)
        _enrol(authority, admin, Identity(kind=Kind.OPERATOR, site="", name=ADMIN), ())
    if not tls.certificate.exists():
        _enrol(authority, folder, Identity(kind=Kind.MANAGER, site="", name=name), (*HOSTS, *hosts))
    who = x509.identity_in(tls.certificate.read_bytes())[0]
    if who.name != name:
        raise StoreError(
            f"{folder}: this is the folder of the manager {who.name!r}, not {name!r}; use --name {who.name}"
        )
    return tls, authority


def _enrol(authority: x509.Authority, folder: Path, who: Identity, hosts: tuple[str, ...]) -> None:
    """The certificate comes last, so that a start which was interrupted goes on with the same key."""
    files = TlsFiles.within(folder)
    seed = ed25519.load_key(files.key) if files.key.exists() else ed25519.generate()
    ed25519.save_key(files.key, seed)
    write_public(files.authority, authority.certificate_pem)
    write_public(files.certificate, authority.issue(x509.create_request(seed), who, hosts))
