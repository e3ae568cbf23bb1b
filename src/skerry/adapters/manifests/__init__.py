"""Manifests as text: read with the place of everything, checked, written again; and their JSON Schema.

`load` needs no catalogue and no expressions, so a node's own file costs an agent little; `check` needs both.
"""

from __future__ import annotations

from skerry.adapters.manifests.checking import check, refuse
from skerry.adapters.manifests.documents import Document, load, load_file
from skerry.adapters.manifests.errors import ManifestError, ManifestErrors
from skerry.adapters.manifests.writing import dump, schema

__all__ = ["Document", "ManifestError", "ManifestErrors", "check", "dump", "load", "load_file", "refuse", "schema"]
