"""The programs that Skerry brings: their names in a configuration, and how they are started."""

from __future__ import annotations

import sys

_MODULES: dict[str, tuple[str, ...]] = {
    "skerry-store": ("skerry.examples.programs.store",),
    # Two names, so that an owner can allow the one and not the other.
    "skerry-store-log": ("skerry.examples.programs.store", "--engine", "log"),
    "skerry-store-files": ("skerry.examples.programs.store", "--engine", "files"),
    "skerry-intake": ("skerry.examples.programs.intake",),
    "skerry-placement": ("skerry.examples.programs.placement",),
    "skerry-migrate": ("skerry.examples.programs.migrate",),
    "skerry-hello": ("skerry.examples.programs.hello",),
}

PROBE = "skerry"
"""A configuration's probe says `skerry probe ...`; a node starts the probe alone, without the whole command line."""


def own_programs() -> dict[str, tuple[str, ...]]:
    """By name, as argument vectors."""
    programs: dict[str, tuple[str, ...]] = {name: (sys.executable, "-m", *words) for name, words in _MODULES.items()}
    programs[PROBE] = (sys.executable, "-m", "skerry.examples.programs.probe")
    return programs
