"""`ports.sensors.Sensors` over the owner's `Node` file, psutil and `/proc`.

The owner's word bounds what Skerry may take; what is found fills in the rest. A node's assurance is what its declared
power says: 1.0 with a UPS or a generator, 0.6 on plain mains, 0.3 on a battery alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

import psutil

from skerry import __version__
from skerry.adapters.manifests import ManifestErrors, load_file
from skerry.core.kernel.values import digest
from skerry.core.stages.capability.model import NodeFacts, Resources
from skerry.core.stages.intent.model import Node
from skerry.core.stages.intent.rules import caps
from skerry.ports.sensors import SensorError

ASSURANCE_PERMILLE = {"power.ups": 1_000, "power.generator": 1_000, "power.mains": 600, "power.battery": 300}
ASSURANCE_UNDECLARED_PERMILLE = 600


class MachineSensors:
    """One node's sensors."""

    def __init__(
        self, node_file: Path, *, data_root: Path, own_programs: Collection[str], affinity: Collection[int]
    ) -> None:
        """`own_programs` are those that Skerry brings; the owner's file says which of all programs are allowed."""
        self._node_file = node_file
        self._data_root = data_root
        self._own = frozenset(own_programs)
        self._affinity = tuple(sorted(affinity))

    def facts(self) -> NodeFacts:
        """Read the owner's file and the machine. Raises `SensorError`."""
        node = self._node()
        cores = len(self._affinity) or len(os.sched_getaffinity(0))
        offered = caps(node, self._machine(cores))
        capabilities = tuple(sorted({*node.spec.declares.capabilities, *self._found()}))
        # An owner who names no programs allows those that Skerry brings, and no others.
        programs = tuple(sorted(node.spec.allows.programs or self._own))
        return NodeFacts(
            caps=offered,
            capabilities=capabilities,
            programs=programs,
            cpu_cores=cores,
            assurance_permille=max(
                (ASSURANCE_PERMILLE[c] for c in capabilities if c in ASSURANCE_PERMILLE),
                default=ASSURANCE_UNDECLARED_PERMILLE,
            ),
            hardware=digest((offered, programs, cores, self._filesystem(), __version__)),
        )

    def _node(self) -> Node:
        try:
            documents = load_file(self._node_file)
        except (OSError, ManifestErrors) as error:
            raise SensorError(f"{self._node_file}: {error}") from error
        for document in documents:
            if isinstance(document.manifest, Node):
                return document.manifest
        raise SensorError(f"{self._node_file}: expected a document of kind Node, as `skerry agent join` writes it")

    def _machine(self, cores: int) -> Resources:
        self._data_root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Resources(
            cpu_milli=cores * 1_000,
            memory_bytes=psutil.virtual_memory().total,
            disk_bytes=shutil.disk_usage(self._data_root).total,
        )

    def _found(self) -> list[str]:
        """Capabilities that the machine shows: where workloads keep their data."""
        return ["storage.memory" if self._filesystem() in ("tmpfs", "ramfs") else "storage.disk"]

    def _filesystem(self) -> str:
        """The type of the file system below the data folder."""
        path = str(self._data_root.resolve())
        mounts = sorted(psutil.disk_partitions(all=True), key=lambda m: len(m.mountpoint), reverse=True)
        return next(
            (m.fstype for m in mounts if path == m.mountpoint or path.startswith(m.mountpoint.rstrip("/") + "/")), ""
        )
