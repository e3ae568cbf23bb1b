"""Every kind of fault that a world may draw."""

from __future__ import annotations

FAULTS = (
    "link.split",
    "link.alone",
    "link.one_way",
    "link.chain",
    "link.lossy",
    "uplink.cut",
    "uplink.cut_one",
    "uplink.flap",
    "agent.crash",
    "agent.crash_in_step",
    "agent.hang",
    "agent.stop",
    "machine.power",
    "machine.freeze",
    "site.power",
    "site.agents",
    "guard.dies",
    "workload.exits",
    "workload.starts_fail",
    "workload.slow",
    "owner.takes_memory",
    "clock.wall_steps",
    "disk.refuses",
    "manager.raises_limit",
    "manager.adds_intent",
    "manager.withdraws",
    "manager.restarts",
)
