"""Under which keys things travel, and which of them a certificate's group may use.

Within a site: `skerry/<site>/to/<node>`, `skerry/<site>/all`, and one liveliness token a process,
`skerry/<site>/alive/<node>/<incarnation>`: with the node's name alone, a successor and its frozen predecessor would
hold one token, and the predecessor's end would look like the successor's. The incarnation bears the session's number,
so that it can be told of which session a token is missing. With a manager: `skerry/<site>/up/<node>`,
`skerry/<site>/down/<node>` and its token `skerry/<site>/manager`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from skerry.ports.transport import TransportError

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62})")

_EVERYTHING = (
    "put",
    "declare_subscriber",
    "liveliness_token",
    "liveliness_query",
    "declare_liveliness_subscriber",
)


def is_name(text: str) -> bool:
    """Whether it can stand in a key: wildcards and slashes would reach other keys."""
    return _NAME.fullmatch(text) is not None


def named(name: str, what: str) -> str:
    """`name`, if it can stand in a key. Raises `TransportError`."""
    if not is_name(name):
        raise TransportError(
            f"{what} {name!r}: expected 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit"
        )
    return name


def to_node(site: str, node: str) -> str:
    """For one member."""
    return f"skerry/{site}/to/{node}"


def to_all(site: str) -> str:
    """For all members."""
    return f"skerry/{site}/all"


def alive(site: str, node: str, incarnation: str) -> str:
    """A member's token; `*` for both means all members'."""
    return f"skerry/{site}/alive/{node}/{incarnation}"


def up(site: str, node: str) -> str:
    """From a member to the manager."""
    return f"skerry/{site}/up/{node}"


def down(site: str, node: str) -> str:
    """From the manager to a member."""
    return f"skerry/{site}/down/{node}"


def manager(site: str) -> str:
    """The manager's token towards one site."""
    return f"skerry/{site}/manager"


def fabric_access(site: str) -> dict[str, Any]:
    """Only certificates of the site's nodes take part, in this site's keys alone (N6: no rule names a node)."""
    return _access(
        [_rule("site", _EVERYTHING, ("ingress", "egress"), f"skerry/{site}/**")],
        [(site, "site", ("site",))],
    )


def hub_access(sites: Sequence[str]) -> dict[str, Any]:
    """Each site's nodes speak and listen under their own site's keys, whatever they ask for."""
    rules: list[dict[str, Any]] = []
    grants: list[tuple[str, str, tuple[str, ...]]] = []
    for number, site in enumerate(sites):
        said, heard, seen = f"up{number}", f"down{number}", f"seen{number}"
        rules += [
            _rule(f"{said}-in", ("put",), ("ingress",), up(site, "*")),
            _rule(f"{said}-out", ("declare_subscriber",), ("egress",), up(site, "*")),
            _rule(f"{heard}-out", ("put",), ("egress",), down(site, "*")),
            _rule(f"{heard}-in", ("declare_subscriber",), ("ingress",), down(site, "*")),
            _rule(f"{seen}-out", ("liveliness_token",), ("egress",), manager(site)),
            _rule(f"{seen}-in", ("liveliness_query", "declare_liveliness_subscriber"), ("ingress",), manager(site)),
        ]
        grants.append((site, f"site{number}", tuple(rule["id"] for rule in rules[-6:])))
    return _access(rules, grants)


def _rule(name: str, messages: Sequence[str], flows: Sequence[str], key: str) -> dict[str, Any]:
    return {
        "id": name,
        "permission": "allow",
        "messages": list(messages),
        "flows": list(flows),
        "key_exprs": [key],
    }


def _access(rules: list[dict[str, Any]], grants: Sequence[tuple[str, str, tuple[str, ...]]]) -> dict[str, Any]:
    return {
        "enabled": True,
        "default_permission": "deny",
        "rules": rules,
        "subjects": [{"id": subject, "cert_common_names": [group]} for group, subject, _ in grants],
        "policies": [{"subjects": [subject], "rules": list(allowed)} for _, subject, allowed in grants],
    }
