"""What a lab is, as its folder says: names, ports, who was started, and in what the nodes differ.

`lab.json` is written atomically after each verb that changes it. It holds no secret; the folder is for its owner alone.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from skerry.core.kernel.values import Value
from skerry.lab import processes
from skerry.lab.wires import MANAGER, MANAGER_ADDRESS, Wires

STATE_FILE = "lab.json"
LOCK_FILE = "lab.lock"
RELAY_SOCKET = "relay.sock"
MANAGER_NAME = "hq"
"""The name of the site's own manager."""
HOST = "127.0.0.1"
PORTS = range(10_000, 19_900)
"""Below the ports that workloads get, and those that the kernel gives to outgoing connections."""
NODES_MAX = 24


class LabError(Exception):
    """A verb could not be done; says what, where and what to do."""


class Process(Value, frozen=True, kw_only=True):
    """A process that a verb started; pid and start together name it for good."""

    pid: int
    ticks: int

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self.ticks > 0 and processes.start_ticks(self.pid) == self.ticks


class NodePlace(Value, frozen=True, kw_only=True):
    """One node: where it is reached, and what is special about it. All of it is real, none of it a configured score."""

    name: str
    fabric_port: int
    api_port: int
    data_root: str | None
    """On a memory disk or in the lab's folder: whether a flush costs something. None: in the agent's folder."""
    memory: str
    """What its owner gives, as in a Node file."""
    cpu: str
    capabilities: tuple[str, ...]
    programs: tuple[str, ...]
    """Allowed by its owner; empty: all that Skerry brings."""
    nice: int
    cores: tuple[int, ...]
    address: str = HOST
    space: str | None = None
    """The network namespace that it is; None: this machine's."""

    @property
    def api(self) -> str:
        """`host:port` of its API."""
        return f"{self.address}:{self.api_port}"


class GuestPlace(Value, frozen=True, kw_only=True):
    """A further manager, a guest at the site, with a relay of its own before it."""

    relay_port: int
    uplink_port: int
    api_port: int

    @property
    def api(self) -> str:
        """`host:port` of its API."""
        return f"{HOST}:{self.api_port}"


class LabState(Value, frozen=True, kw_only=True):
    """One lab."""

    id: str
    """The value of the mark that all its processes carry."""
    site: str
    relay_uplink_port: int
    relay_api_port: int
    manager_uplink_port: int
    manager_api_port: int
    nodes: dict[str, NodePlace]
    guests: dict[str, GuestPlace] = {}
    """Managers beside the site's own."""
    memory_folder: str | None = None
    """A folder of this lab on a memory disk."""
    network: str | None = None
    """The name of its own network, if its nodes are network namespaces."""
    clocks: bool = False
    """Whether its nodes' wall clocks can be stepped."""
    processes: dict[str, Process] = {}
    """`relay`, `manager`, `relay m2`, `manager m2`, `agent n1`, `slow n1`, ..."""

    @property
    def wires(self) -> Wires:
        """Its own network. Raises `LabError` if it has none."""
        if self.network is None:
            raise LabError("this lab's nodes share the machine's network: `skerry lab up --netns` gives each its own")
        return Wires(self.network, self.nodes)

    def space(self, of: str) -> str | None:
        """The namespace of a node, the manager or the desk; None: this machine's."""
        return None if self.network is None else self.wires.space(of)

    @property
    def manager_api(self) -> str:
        """`host:port` of the manager's API, past any relay."""
        return f"{HOST if self.network is None else MANAGER_ADDRESS}:{self.manager_api_port}"

    @property
    def manager_uplink(self) -> str:
        """`host:port` of the manager's endpoint for nodes, past any relay."""
        return f"{HOST if self.network is None else MANAGER_ADDRESS}:{self.manager_uplink_port}"

    @property
    def manager_space(self) -> str | None:
        """The manager's namespace."""
        return self.space(MANAGER)

    @property
    def enrols_at(self) -> str:
        """`host:port` at which a node that joins reaches the manager's API."""
        return self.manager_api if self.network is not None else f"{HOST}:{self.relay_api_port}"

    @property
    def uplink_at(self) -> str:
        """`host:port` at which nodes reach the manager."""
        return self.manager_uplink if self.network is not None else f"{HOST}:{self.relay_uplink_port}"

    def relays(self, manager: str | None) -> list[str]:
        """The control sockets of the relays before a manager, or before all. Raises `LabError`."""
        known = {MANAGER_NAME: RELAY_SOCKET, **{name: relay_socket(name) for name in self.guests}}
        if manager is not None and manager not in known:
            raise LabError(f"{manager}: this lab has no such manager; it has {', '.join(known)}")
        return [known[manager]] if manager is not None else list(known.values())

    def node(self, name: str) -> NodePlace:
        """The node of that name. Raises `LabError`."""
        if name not in self.nodes:
            raise LabError(f"{name}: this lab has no such node; it has {', '.join(self.nodes)}")
        return self.nodes[name]


def relay_socket(guest: str) -> str:
    """The control socket of the relay before a guest."""
    return f"relay-{guest}.sock"


def load(folder: Path) -> LabState:
    """Read a lab's state. Raises `LabError` if there is no lab in that folder."""
    path = folder / STATE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=LabState)
    except FileNotFoundError:
        raise LabError(f"{folder}: no lab is up here; start one with `skerry lab up --folder {folder}`") from None
    except (OSError, msgspec.DecodeError) as error:
        raise LabError(f"{path}: {error}; `skerry lab down --folder {folder}` removes what is left of it") from error


def save(folder: Path, state: LabState) -> None:
    """Write it so that a reader sees the old or the new. Raises `OSError`."""
    fresh = folder / f"{STATE_FILE}.new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")
    os.replace(fresh, folder / STATE_FILE)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One verb at a time that changes the state. Raises `LabError` if the folder is no lab's."""
    try:
        file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LabError(f"{folder}: no lab is up here: {error.strerror}; start one with `skerry lab up`") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def with_process(state: LabState, name: str, pid: int | None) -> LabState:
    """The state with one more process, or with one less."""
    kept = {known: process for known, process in state.processes.items() if known != name}
    if pid is not None:
        kept[name] = Process(pid=pid, ticks=processes.start_ticks(pid))
    return msgspec.structs.replace(state, processes=kept)


def free_ports(count: int, first: int | None, offset: int) -> list[int]:
    """So many free ports of the loopback device: from `first` on, all of which must be free, else from anywhere in
    `PORTS`, beginning at an offset so that labs which start at once do not meet. Raises `LabError`."""
    if first is not None:
        wanted = list(range(first, first + count))
        taken = [port for port in wanted if not _free(port)]
        if taken or first + count > 65_536:
            raise LabError(
                f"port {(taken or wanted)[0]} on {HOST} is taken; the lab needs {count} ports from --ports on: "
                "give another number, or leave --ports out and free ones are found"
            )
        return wanted
    found: list[int] = []
    for step in range(len(PORTS)):
        port = PORTS[(offset + step) % len(PORTS)]
        if _free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise LabError(f"no {count} free ports on {HOST} from {PORTS.start} to {PORTS.stop - 1}; end what holds them")


def _free(port: int) -> bool:
    with socket.socket() as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((HOST, port))
        except OSError:
            return False
        return True
