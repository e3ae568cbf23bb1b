"""What joining a site leaves on a node's disk for its agent to run by: `agent.json` in the agent's folder.

Beside it stand `ca.pem`, `cert.pem` and `key.pem` (the node's one key, 0600), `node.yaml` (its owner's word) and the
state, in which roster, site settings and intents wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from skerry.core.group.journal.model import BYTES_MAX, KEEP_MS, Retention
from skerry.core.kernel.values import Value

SETTINGS_FILE = "agent.json"
NODE_FILE = "node.yaml"
INPUTS_FOLDER = "inputs"
KEEP_LONGEST_S = 10 * 366 * 86_400
BYTES_LEAST = 64 * 1024
BYTES_MOST = 1 << 40


class SettingsError(Exception):
    """The settings cannot be read; says where and what was expected."""


class AgentSettings(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one agent reaches its site, its manager and its machine."""

    site: str
    node: str
    manager: str
    """The home manager's name."""
    uplink: str
    """The manager's endpoint for nodes, `tls/<host>:<port>`."""
    listen: tuple[str, ...]
    """Where this node's peers reach it, `tls/<host>:<port>`."""
    peers: tuple[str, ...] = ()
    """Endpoints of peers that are tried besides those found by scouting."""
    gossip: bool = True
    """Whether peers are learned from peers, too: needed where `peers` does not name all that had joined before."""
    multicast: str | None = None
    """The network device on which peers are scouted for, or `auto`; None: not at all."""
    fabric_lease_ms: int = 1_000
    host: str = "127.0.0.1"
    """The address on which workloads listen."""
    api: str = "127.0.0.1:0"
    """Where clients and operators reach this node, `<host>:<port>`."""
    data_root: str | None = None
    """Where workloads keep their data; by default in the agent's folder."""
    nice: int = 0
    affinity: tuple[int, ...] = ()
    """The cores that workloads may run on; empty: all."""
    contingency: bool = True
    """Whether this node, when it leads, has the plan for isolation voted ahead. False only to see what that is good
    for."""
    turn_lock: str | None = None
    """A file that all agents of one machine share, so that they measure in turns."""
    input_log_bytes: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 36)] = 64 << 20
    """What the agent's own record of its inputs may take of the disk, in `inputs` in its folder (`skerry replay`);
    1 MiB to 64 GiB. The oldest goes first."""
    journal_keep_s: Annotated[int, Meta(ge=0, le=KEEP_LONGEST_S)] = KEEP_MS // 1000
    """For how long a journal entry is kept after the manager has acknowledged it, in seconds of boot-time, anew after
    each start (J3): by then a manager that lost its store has to be back with a backup. At most ten years."""
    journal_bytes_max: Annotated[int, Meta(ge=BYTES_LEAST, le=BYTES_MOST)] = BYTES_MAX
    """Above this, what was acknowledged goes before its time; the rest never does. From 64 KiB to 1 TiB."""

    def retention(self) -> Retention:
        """What of the journal is kept here."""
        return Retention(keep_ms=self.journal_keep_s * 1000, bytes_max=self.journal_bytes_max)


def load_settings(folder: Path) -> AgentSettings:
    """Read `agent.json`. Raises `SettingsError`."""
    path = folder / SETTINGS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=AgentSettings)
    except FileNotFoundError:
        raise SettingsError(f"{folder}: no {SETTINGS_FILE}: join a site first with `skerry agent join`") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}; it is written by `skerry agent join`") from error
