"""Puts an agent together and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from skerry.adapters.cel import CelExpressions
from skerry.adapters.keys.ed25519 import KeyFileError, NaclVerifier, NodeSigner, load_key
from skerry.adapters.keys.files import write_public
from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.sensors.machine import MachineSensors
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.adapters.workload.process import ProcessWorkloads
from skerry.adapters.zenoh.fabric import ZenohFabric
from skerry.adapters.zenoh.keys import named
from skerry.adapters.zenoh.uplink import ZenohUplink
from skerry.api.node import NodeApi
from skerry.api.serving import ApiError
from skerry.bootstrap.programs import PROBE, own_programs
from skerry.core.conversation import Refused
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.ir.model import Guest
from skerry.inputlog.ring import Ring
from skerry.ports.sensors import SensorError
from skerry.ports.storage import StorageError
from skerry.ports.transport import TransportError, Uplink
from skerry.ports.workload import WorkloadError
from skerry.shell.agent import AgentShell, Outside
from skerry.shell.settings import INPUTS_FOLDER, NODE_FILE, AgentSettings, SettingsError, load_settings
from skerry.shell.twin import TwinError

GUESTS_FOLDER = "guests"
"""In the agent's folder: the authorities of managers that are guests at its site."""


def run_agent(folder: Path, ready: Callable[[str], None]) -> None:
    """Run the agent of a folder that `skerry agent join` has made; returns after SIGTERM or SIGINT.

    `ready` is called with one line once the fabric is open. Raises `SettingsError`, `StorageError`, `TransportError`,
    `SensorError`, `KeyFileError`, `WorkloadError` or `TwinError`, each of which says what to do.
    """
    while asyncio.run(_run(folder, ready)):
        pass  # a new life, from what the disk holds


async def _run(folder: Path, ready: Callable[[str], None]) -> bool:
    """One life; whether another has to follow at once (J1)."""
    settings = load_settings(folder)
    shell = AgentShell(settings, _outside(folder, settings))
    api = NodeApi(shell, TlsFiles.within(folder))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, shell.stop)
    async with api.serving(settings.api):
        await shell.run(
            ready=lambda: ready(f"agent {settings.node} of site {settings.site} runs; API at https://{api.address}")
        )
    return shell.ends_for_another_life


def _outside(folder: Path, settings: AgentSettings) -> Outside:
    tls = TlsFiles.within(folder)
    data_root = Path(settings.data_root) if settings.data_root is not None else folder / "workloads"
    own = own_programs()

    def uplink_of(guest: Guest | None, lease_ms: int) -> Uplink:
        return ZenohUplink(
            site=settings.site,
            node=NodeId(settings.node),
            manager=settings.uplink if guest is None else guest.uplink,
            tls=tls if guest is None else _tls_for(folder, tls, guest),
            lease_ms=lease_ms,
        )

    sensors = MachineSensors(folder / NODE_FILE, data_root=data_root, own_programs=own, affinity=settings.affinity)
    return Outside(
        storage=SqliteStorage(folder),
        fabric=ZenohFabric(
            site=settings.site,
            node=NodeId(settings.node),
            listen=settings.listen,
            peers=settings.peers,
            tls=tls,
            multicast=settings.multicast,
            gossip=settings.gossip,
            lease_ms=settings.fabric_lease_ms,
        ),
        workloads=ProcessWorkloads(
            folder,
            node=settings.node,
            programs=(*sensors.facts().programs, PROBE),
            own=own,
            host=settings.host,
            data_root=data_root,
            nice=settings.nice,
            affinity=settings.affinity,
            turn_lock=Path(settings.turn_lock) if settings.turn_lock is not None else None,
        ),
        sensors=sensors,
        signer=NodeSigner(load_key(tls.key)),
        verifier=NaclVerifier(),
        expressions=CelExpressions(),
        uplink_of=uplink_of,
        log=Ring(folder / INPUTS_FOLDER, settings.input_log_bytes),
    )


def _tls_for(folder: Path, tls: TlsFiles, guest: Guest) -> TlsFiles:
    """This node's own certificate towards a guest, and towards it whom the roster says. Raises `TransportError`."""
    place = folder / GUESTS_FOLDER
    try:
        place.mkdir(exist_ok=True, mode=0o700)
        authority = place / f"{named(guest.name, 'guest')}.pem"
        write_public(authority, guest.authority.encode())
    except OSError as error:
        raise TransportError(f"{place}: the authority of {guest.name} cannot be written: {error.strerror}") from error
    return msgspec.structs.replace(tls, authority=authority)


def main() -> int:
    """`python -m skerry.bootstrap.agent FOLDER`: what `skerry agent run` becomes; returns the exit code."""
    known = (
        *(SettingsError, StorageError, TransportError, SensorError, KeyFileError, WorkloadError, ApiError, Refused),
        TwinError,
    )
    try:
        run_agent(Path(sys.argv[1]), lambda line: print(line, flush=True))  # noqa: T201 - the one line that it says
    except known as error:
        sys.stderr.write(f"skerry: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
