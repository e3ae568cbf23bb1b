"""The programs that Skerry brings: their names in a configuration, and how they are started."""

from __future__ import annotations

import sys

_MODULES = {
    "skerry-store": "skerry.examples.programs.store",
    "skerry-intake": "skerry.examples.programs.intake",
    "skerry-placement": "skerry.examples.programs.placement",
    "skerry-migrate": "skerry.examples.programs.migrate",
    "skerry-hello": "skerry.examples.programs.hello",
}

PROBE = "skerry"
"""A configuration's probe says `skerry probe ...`; a node starts the probe alone, without the whole command line."""


def own_programs() -> dict[str, tuple[str, ...]]:
    """By name, as argument vectors."""
    programs: dict[str, tuple[str, ...]] = {name: (sys.executable, "-m", module) for name, module in _MODULES.items()}
    programs[PROBE] = (sys.executable, "-m", "skerry.examples.programs.probe")
    return programs
