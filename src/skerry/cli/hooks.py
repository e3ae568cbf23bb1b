"""What the command line starts but may not know: how ports and adapters are put together is the bootstrap's business.

The entry point hands these in; each imports what it needs only when it is called, so that `skerry --help` stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ManagerPlace:
    """Where a manager keeps its things and where it listens."""

    folder: Path
    name: str
    api: str
    """`host:port`."""
    uplink: str
    """`host:port`."""
    database: str | None
    hosts: tuple[str, ...]
    """Further names and addresses by which it is reached."""


@dataclass(frozen=True, kw_only=True)
class TokenWish:
    """For whom a join token shall be."""

    folder: Path
    database: str | None
    site: str
    node: str | None
    ttl_s: int


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Each raises `Failed` with a text for the user."""

    run_agent: Callable[[Path, Tell], None]
    """Run the agent of a folder until it is told to stop."""
    run_manager: Callable[[ManagerPlace, Tell], None]
    """Run a manager until it is told to stop."""
    make_token: Callable[[TokenWish], str]
    add_operator: Callable[[Path, str], Path]
    """Make a further operator of the manager in a folder; returns where key and certificate are."""


def hooks_of(context: typer.Context) -> Hooks:
    """What the entry point handed in."""
    found = context.find_object(Hooks)
    assert found is not None, "the command line was started without its hooks"
    return found
