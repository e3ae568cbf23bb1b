"""What may be asked of a guard, checked: a field that is unknown or wrong is refused, with what was expected."""

from __future__ import annotations

import json

from skerry.guard.place import META_BYTES_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STOP_WITHIN_MS_MAX = 60_000
_START_FIELDS = {
    *("id", "do", "name", "argv", "env", "cwd", "log", "out", "limits", "nice", "affinity", "meta", "owner"),
    *("kill_at_ms", "without_agent_ms", "stop_within_ms"),
}


class Refused(Exception):
    """A request that cannot be done; the message goes to whoever asked."""


def text(request: dict[str, Any], name: str, longest: int = 256) -> str:
    """A text that is there, not empty and not too long."""
    value = request.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
        raise Refused(f"{name}: expected a text of 1 to {longest} characters, got {value!r:.80}")
    return value


def path(request: dict[str, Any], name: str) -> str:
    """An absolute path."""
    value = text(request, name, 4096)
    if not value.startswith("/"):
        raise Refused(f"{name}: expected an absolute path, got {value!r:.80}")
    return value


def whole(request: dict[str, Any], name: str, default: int | None, least: int, most: int) -> int:
    """A whole number within bounds; `default` if it is left out, and required if that is None."""
    value = request.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int or not least <= value <= most:
        raise Refused(f"{name}: expected a whole number from {least} to {most}, got {value!r:.80}")
    return value


def moment(request: dict[str, Any], name: str) -> int | None:
    """A time in milliseconds, or None."""
    return None if request.get(name) is None else whole(request, name, None, 0, 1 << 53)


def meta(request: dict[str, Any]) -> Any:
    """What the agent wants to find again: any JSON, bounded."""
    value = request.get("meta")
    if len(json.dumps(value)) > META_BYTES_MAX:
        raise Refused(f"meta: expected at most {META_BYTES_MAX} bytes of JSON")
    return value


def _texts(request: dict[str, Any], name: str) -> list[str]:
    value = request.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and "\0" not in v for v in value):
        raise Refused(f"{name}: expected a list of texts with at least one, got {value!r:.80}")
    return value


def _environment(request: dict[str, Any]) -> dict[str, str]:
    value = request.get("env", {})
    good = isinstance(value, dict) and all(
        isinstance(v, str) and k and "=" not in k and "\0" not in k + v for k, v in value.items()
    )
    if not good:
        raise Refused("env: expected names (without =) with texts")
    return dict(value)


def _processors(request: dict[str, Any]) -> list[int]:
    value = request.get("affinity") or []
    if not isinstance(value, list) or not all(type(v) is int and 0 <= v < 4096 for v in value):
        raise Refused(f"affinity: expected a list of processor numbers, got {value!r:.80}")
    return value


class Order:
    """One workload as it was asked for."""

    __slots__ = (
        "affinity", "argv", "cwd", "env", "kill_at_ms", "log", "memory_bytes", "meta", "name", "nice", "nofile", "out",
        "owner", "stop_within_ms", "without_agent_ms",
    )  # fmt: skip

    def __init__(self, request: dict[str, Any]) -> None:
        unknown = sorted(set(request) - _START_FIELDS)
        if unknown:
            raise Refused(f"{unknown[0]}: unknown field of start")
        limits = request.get("limits") or {}
        if not isinstance(limits, dict) or set(limits) - {"memory_bytes", "nofile"}:
            raise Refused("limits: expected memory_bytes and nofile")
        self.name = text(request, "name")
        self.argv = _texts(request, "argv")
        self.env = _environment(request)
        self.cwd = path(request, "cwd")
        self.log = path(request, "log")
        self.out = None if request.get("out") is None else path(request, "out")
        """Where standard output goes by itself; otherwise it goes to `log` with standard error."""
        self.memory_bytes = whole(limits, "memory_bytes", 0, 0, 1 << 50)
        """0: no limit."""
        self.nofile = whole(limits, "nofile", 4096, 16, 1 << 20)
        self.nice = whole(request, "nice", 0, 0, 19)
        self.affinity = _processors(request)
        self.kill_at_ms = moment(request, "kill_at_ms")
        self.without_agent_ms = moment(request, "without_agent_ms")
        self.stop_within_ms = whole(request, "stop_within_ms", 1_000, 0, STOP_WITHIN_MS_MAX)
        self.meta = meta(request)
        self.owner = request.get("owner", False) is True
        """It belongs to the machine's owner and not to Skerry's work: counted apart."""
