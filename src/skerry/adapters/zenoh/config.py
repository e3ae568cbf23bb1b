"""Zenoh's settings, and why each is as it is. Every session is built here and nowhere else.

Rules: nothing that we do not ask for is on (no multicast, no gossip, no shared memory, no admin space, TLS alone);
every queue and message has a bound; both ends show a certificate (N6).
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from typing import Any

import zenoh

from skerry.adapters.keys.tls import TlsFiles
from skerry.core.kernel.values import Value
from skerry.ports.transport import PAYLOAD_LIMIT_BYTES, TransportError

KEEP_ALIVES = 3
"""Per lease, in each direction and link, when nothing else is sent. Three let a process stall for two thirds of a lease
before others miss it, at three quarters of the traffic of Zenoh's own four."""

RETRY_FIRST_MS = 200
RETRY_LONGEST_MS = 1000

_ONE_OF_TWO = {"peer": {"to_router": "always", "to_peer": "greater-zid"}}
"""Two that find each other would both call, and keep both links up with keep-alives of their own."""

_SOURCE_PLACE = re.compile(r"\.? at /\S+:\d+")
_FRAME_ALLOWANCE_BYTES = 64 * 1024
_BATCH_BYTES = 16 * 1024
_QUEUE_BATCHES = 16
_DROP_AFTER_US = 1000
_DROP_FRAGMENT_AFTER_US = 20_000


class Link(Value, frozen=True, kw_only=True):
    """How one session reaches others."""

    mode: str
    """`peer`, `client` or `router`."""
    tls: TlsFiles
    listen: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    lease_ms: int
    keep_alives: int = KEEP_ALIVES
    multicast: str | None = None
    """The network device on which peers may find each other, or `auto`; None: multicast is off."""
    gossip: bool = False
    setup_within_ms: int
    """A handshake that takes longer is given up: a far end that swallows everything must not hold up the next try."""
    once: bool = False
    """Give up when no session stands by then, instead of going on in the background for ever."""


def check(link: Link) -> None:
    """Raise `TransportError` for what the library would only report as a session that never comes about."""
    for endpoint in (*link.listen, *link.connect):
        host, _, port = endpoint.removeprefix("tls/").rpartition(":")
        if not endpoint.startswith("tls/") or not host or not port.isdigit() or "#" in endpoint or "?" in endpoint:
            raise TransportError(f"endpoint {endpoint!r}: expected tls/<host>:<port>, for example tls/192.0.2.7:7447")
    for file in (link.tls.authority, link.tls.certificate, link.tls.key):
        if not os.access(file, os.R_OK):
            raise TransportError(f"{file}: cannot be read; expected the PEM file that joining the site wrote there")
    if link.multicast not in {None, "auto", *(name for _, name in socket.if_nameindex())}:
        raise TransportError(f"network device {link.multicast!r}: there is none of this name; `ip link` lists them")


def settings(link: Link, access: Mapping[str, Any] | None = None) -> zenoh.Config:
    """Zenoh's own form of it."""
    config = zenoh.Config()
    for key, value in {**_reach(link), **_transport(link), **_tls(link.tls)}.items():
        config.insert_json5(key, json.dumps(value))
    if access is not None:
        config.insert_json5("access_control", json.dumps(access))
    return config


def not_opened(link: Link, what: str, error: zenoh.ZError) -> TransportError:
    """Why a session that listens could not be opened."""
    return TransportError(
        f"cannot {what} at {', '.join(link.listen)}: {reason(error)}; is the address this machine's and free, and do "
        f"the files beside {link.tls.certificate} fit?"
    )


def reason(error: zenoh.ZError) -> str:
    """What the library says, without the places in its sources."""
    return _SOURCE_PLACE.sub("", str(error)).rstrip(". ")


def _reach(link: Link) -> dict[str, Any]:
    return {
        "mode": link.mode,
        "listen/endpoints": list(link.listen),
        "listen/exit_on_failure": True,
        "connect/endpoints": list(link.connect),
        "connect/timeout_ms": link.setup_within_ms if link.once else -1,
        "connect/exit_on_failure": link.once,
        "connect/retry": {
            "period_init_ms": RETRY_FIRST_MS,
            "period_max_ms": RETRY_LONGEST_MS,
            "period_increase_factor": 2,
        },
        # A site that is alone must start at once: nobody is waited for.
        "open/return_conditions/connect_scouted": False,
        "open/return_conditions/declares": False,
        "scouting/delay": 0,
        "scouting/multicast/enabled": link.multicast is not None,
        "scouting/multicast/interface": link.multicast or "auto",
        "scouting/multicast/autoconnect": {"peer": ["peer"]},
        "scouting/multicast/autoconnect_strategy": _ONE_OF_TWO,
        "scouting/gossip/enabled": link.gossip,
        "scouting/gossip/autoconnect": {"peer": ["peer"]},
        "scouting/gossip/autoconnect_strategy": _ONE_OF_TWO,
    }


def _transport(link: Link) -> dict[str, Any]:
    return {
        "transport/link/protocols": ["tls"],
        "transport/link/tx/lease": link.lease_ms,
        "transport/link/tx/keep_alive": link.keep_alives,
        # Small batches, several of them: memory is taken per batch that was ever in use.
        "transport/link/tx/batch_size": _BATCH_BYTES,
        "transport/link/tx/queue/size/data": _QUEUE_BATCHES,
        "transport/link/tx/queue/congestion_control/drop": {
            "wait_before_drop": _DROP_AFTER_US,
            "max_wait_before_drop_fragments": _DROP_FRAGMENT_AFTER_US,
        },
        "transport/link/rx/buffer_size": _BATCH_BYTES,
        "transport/link/rx/max_message_size": PAYLOAD_LIMIT_BYTES + _FRAME_ALLOWANCE_BYTES,
        # One priority: order within a link is then the order of sending, and seven queues fewer are kept.
        "transport/unicast/qos/enabled": False,
        "transport/unicast/open_timeout": link.setup_within_ms,
        "transport/unicast/accept_timeout": link.setup_within_ms,
        "transport/shared_memory/enabled": False,
        "adminspace/enabled": False,
        # A router stamps what it sends, 24 bytes each time; nothing here goes by a time of that kind (T1).
        "timestamping/enabled": False,
    }


def _tls(files: TlsFiles) -> dict[str, Any]:
    return {
        "transport/link/tls": {
            "root_ca_certificate": str(files.authority),
            "listen_certificate": str(files.certificate),
            "listen_private_key": str(files.key),
            "connect_certificate": str(files.certificate),
            "connect_private_key": str(files.key),
            "enable_mtls": True,
            # Addresses change; who belongs is decided by the roster, and every message is signed.
            "verify_name_on_connect": False,
        }
    }
