"""What is held, by name and version, and its digest: members compare that with every beat.

Documents come one by one; a list of hundreds is not put together anew for each of them. The digest is that of the whole
list all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.custody.model import Version
from skerry.core.kernel.values import digest_bytes, encode


@dataclass
class Listing:
    """Names with their versions."""

    versions: dict[str, Version] = field(default_factory=dict)
    """By name, in order."""
    _encoded: dict[str, bytes] = field(default_factory=dict)
    """Of each what it adds to the encoded list, in the same order."""

    def put(self, name: str, version: Version) -> None:
        """This version of it is held."""
        is_new = name not in self.versions
        self.versions[name], self._encoded[name] = version, encode(name) + encode(version)
        if is_new:
            self.versions, self._encoded = dict(sorted(self.versions.items())), dict(sorted(self._encoded.items()))

    def drop(self, name: str) -> None:
        """It is held no longer."""
        del self.versions[name], self._encoded[name]

    def digest(self) -> str:
        """As `values.digest` has it of `versions`."""
        return digest_bytes(_map_of(len(self._encoded)) + b"".join(self._encoded.values()))


def _map_of(entries: int) -> bytes:
    """How an encoded map of so many entries begins."""
    if entries < 1 << 4:
        return bytes([0x80 | entries])
    return b"\xde" + entries.to_bytes(2) if entries < 1 << 16 else b"\xdf" + entries.to_bytes(4)
