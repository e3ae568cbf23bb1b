"""Working out a start: from a configuration to ports, folders, an argument vector and a clean environment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skerry.adapters.workload import filling
from skerry.adapters.workload.filling import Filling, FreePorts, Ports
from skerry.adapters.workload.folders import InstanceFolder
from skerry.adapters.workload.link import SKERRY_HOME
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.ir.model import Configuration


@dataclass(frozen=True)
class Job:
    """One start, worked out."""

    name: str
    """At the guard."""
    instance: InstanceId
    configuration: Configuration
    folder: InstanceFolder
    ports: Ports
    filling: Filling
    argv: list[str]
    environment: dict[str, str]
    fence: int | None


class Jobs:
    """What all starts of a node have in common."""

    def __init__(
        self,
        folder: Path,
        data_root: Path,
        *,
        node: str,
        programs: Collection[str],
        own: Mapping[str, tuple[str, ...]],
        host: str,
        ports: range,
    ) -> None:
        self._folder = folder
        self._data_root = data_root
        self._node = node
        self._programs = frozenset(programs)
        self._own = own
        self._host = host
        self._free = FreePorts(host, ports)

    def make(
        self,
        kind: str,
        instance: InstanceId,
        configuration: Configuration,
        with_: Mapping[str, str],
        *,
        fence: int | None = None,
        port: int | None = None,
    ) -> Job:
        """A job called `kind` and instance. Raises `WorkloadError` for what cannot be filled in or is not allowed."""
        folder = InstanceFolder(self._folder, self._data_root, instance if kind == "run:" else kind + instance)
        ports = Ports(self._free.take)
        if port is not None and self._free.is_free(port):
            ports.taken["main"] = port
        for name in ("main", configuration.ready.tcp_port or "main"):
            ports.number(name)
        places = self._filling(ports, folder, with_, fence)
        argv = places.fill_all(configuration.start)
        environment = self.environment(argv)
        environment |= {name: places.fill(value) for name, value in configuration.environment.items()}
        environment |= {f"SKERRY_PORT_{n.upper().replace('-', '_')}": str(p) for n, p in ports.taken.items()}
        environment |= {"SKERRY_INSTANCE": instance, "SKERRY_ENDPOINTS": str(folder.endpoints)}
        if fence is not None:
            environment["SKERRY_FENCE"] = str(fence)
        argv = self.program(argv)
        return Job(kind + instance, instance, configuration, folder, ports, places, argv, environment, fence)

    def environment(self, argv: Sequence[str]) -> dict[str, str]:
        """The clean environment; Skerry's own programs also find Skerry where this process found it."""
        environment = filling.clean_environment()
        if argv and argv[0] in self._own:
            environment["PYTHONPATH"] = SKERRY_HOME
        return environment

    def program(self, argv: list[str]) -> list[str]:
        """The argument vector with its program found. Raises `WorkloadError` if it is not allowed or not there."""
        return filling.program(argv, self._programs, self._own)

    def _filling(self, ports: Ports, folder: InstanceFolder, with_: Mapping[str, str], fence: int | None) -> Filling:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return Filling(
            {
                "port": lambda name: str(ports.number(name)),
                "endpoint": lambda name: f"{host}:{ports.number(name)}",
                "dir": {"data": str(folder.data), "scratch": str(folder.scratch)}.get,
                "with": with_.get,
                "node": {"name": self._node}.get,
                "fence": {"": str(fence or 0)}.get,
            }
        )
