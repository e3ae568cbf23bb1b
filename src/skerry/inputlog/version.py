"""Which core this is: two logs can be compared by it, and a replay says if it is run by another one."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from skerry import __version__, core


@cache
def core_version() -> str:
    """The package's version and a digest of the core's sources, such as `0.1.0+5f1d3a7c90be`."""
    folder = Path(core.__path__[0])
    found = sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{__version__}+{found.hexdigest()[:12]}"
