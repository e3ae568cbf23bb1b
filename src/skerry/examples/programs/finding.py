"""How a client finds a service: it asks the nodes that it knows, in turn, where an interface is offered.

`GET <node>/v1/lookup?interface=...` gives `{"endpoints": [{"instance", "node", "endpoint", "fence"}]}`, best first.
The node that answered last is asked first; each has half a second. Where a service runs once, its look-ups bear a
fence, and one that is lower than another seen before is passed over (X9).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from skerry.examples.programs.caller import Caller, Unanswered
from skerry.examples.programs.clock import boot_ms

if TYPE_CHECKING:
    import ssl

LOOKUP_MS = 500
AVOID_MS = 2_000


class Service(NamedTuple):
    """An instance that offers the interface."""

    instance: str
    node: str
    endpoint: str


class Finder:
    """Finds an instance, and avoids for a while those that have just failed."""

    def __init__(self, nodes: list[str], interface: str, tls: ssl.SSLContext | None) -> None:
        """`nodes` are URLs such as `https://10.0.0.1:7447`; raises ValueError for anything else."""
        self._nodes = [_endpoint_of(node, secured=tls is not None) for node in nodes]
        self._path = f"/v1/lookup?interface={quote(interface)}"
        self._caller = Caller(tls)
        self._avoid: dict[str, int] = {}
        self._highest = 0
        self.lookups = 0
        self.late = 0

    def find(self) -> Service | None:
        """The best instance that has not just failed, else the best; None if no node knows one."""
        second_best = None
        for endpoint in self._nodes.copy():
            self.lookups += 1
            try:
                reply = self._caller.call(endpoint, "GET", self._path, within_ms=LOOKUP_MS)
                found = self._usable(reply.json()) if reply.status == 200 else []
            except (Unanswered, KeyError, TypeError, ValueError):
                found = []
            if found:
                self._nodes.remove(endpoint)
                self._nodes.insert(0, endpoint)
                best = min(found, key=lambda service: service.endpoint in self._avoid)
                if best.endpoint not in self._avoid:
                    return best
                # Another node may know more than this one.
                second_best = second_best or best
        return second_best

    def avoid(self, endpoint: str) -> None:
        """Prefer others for a while: this one has failed, or is about to go."""
        self._avoid[endpoint] = boot_ms() + AVOID_MS

    def _usable(self, answer: dict[str, Any]) -> list[Service]:
        now_ms = boot_ms()
        self._avoid = {endpoint: until_ms for endpoint, until_ms in self._avoid.items() if until_ms > now_ms}
        found = []
        for one in answer["endpoints"]:
            fence = int(one.get("fence") or 0)
            if fence < self._highest:
                self.late += 1
                continue
            self._highest = fence
            found.append(Service(str(one["instance"]), str(one["node"]), str(one["endpoint"])))
        return found


def _endpoint_of(node: str, *, secured: bool) -> str:
    url = urlsplit(node)
    if url.scheme != ("https" if secured else "http") or not url.netloc or not url.port:
        how = "https://HOST:PORT, as --tls is given" if secured else "http://HOST:PORT, as --tls is not given"
        raise ValueError(f"node {node[:80]!r}: expected {how}")
    return url.netloc


def tls_context(certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """What proves who this client is, and that a node belongs to the site; raises OSError (`ssl.SSLError` is one)."""
    import ssl  # a client without --tls does not need its four megabytes

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A node is known by the site's own authority; its address may change and is in no certificate.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    return context
