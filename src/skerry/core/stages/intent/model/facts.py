"""What expressions may speak of: the vocabulary of `when`, `that` and `criteria`, and samples to try them on.

A condition that is wrong is found when its manifest is applied, by evaluating it on every sample, and not on the day a
site of that size is cut off.
"""

from __future__ import annotations

from typing import Any, Literal

from skerry.core.stages.capability.model import NodeFacts, Resources


def site_facts(nodes: int, mode: Literal["connected", "isolated"]) -> dict[str, Any]:
    """Of `when` in a governance: `site.nodes` (members of the roster or part, as the caller's rule says), `connected`,
    `isolated`."""
    return {"site": {"nodes": nodes}, "connected": mode == "connected", "isolated": mode == "isolated"}


def node_facts(facts: NodeFacts, *, name: str = "", reach_permille: int = 0, idle_permille: int = 0) -> dict[str, Any]:
    """Of `that` and `criteria`: `node.name`, `.cpu.cores`, `.cpu.milli`, `.memory.mib`, `.disk.mib`, `.capabilities`;
    as ratios from 0.0 to 1.0 `.reach` (members in contact), `.idle` (free of what is offered), `.assurance`."""
    return {
        "node": {
            "name": name,
            "cpu": {"cores": facts.cpu_cores, "milli": facts.caps.cpu_milli},
            "memory": {"mib": facts.caps.memory_bytes >> 20},
            "disk": {"mib": facts.caps.disk_bytes >> 20},
            "capabilities": list(facts.capabilities),
            "reach": reach_permille / 1000,
            "idle": idle_permille / 1000,
            "assurance": facts.assurance_permille / 1000,
        }
    }


SITE_SAMPLES: tuple[dict[str, Any], ...] = tuple(
    site_facts(nodes, mode) for nodes in (1, 2, 3, 5, 6, 100) for mode in ("connected", "isolated")
)
NODE_SAMPLE: dict[str, Any] = node_facts(
    NodeFacts(caps=Resources(cpu_milli=1000, memory_bytes=1 << 30, disk_bytes=1 << 30), capabilities=("storage",)),
    name="n1",
    reach_permille=1000,
    idle_permille=500,
)
