"""What a node can find out about the machine below it."""

from __future__ import annotations

from typing import Protocol

from skerry.core.stages.capability.model import NodeFacts


class Sensors(Protocol):
    """Reads the machine and the owner's `Node` file."""

    def facts(self) -> NodeFacts:
        """What this node has now. Raises `skerry.ports.sensors.SensorError` if the owner's file cannot be read."""
        ...


class SensorError(Exception):
    """The owner's file is missing or wrong; says where and what was expected."""
