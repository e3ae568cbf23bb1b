"""A file of manifests, read: typed documents that remember where everything stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import inspect

from skerry.adapters.manifests import tree as yaml_tree
from skerry.adapters.manifests.errors import ManifestError, ManifestErrors
from skerry.adapters.manifests.shape import Reading, read, unique
from skerry.adapters.manifests.tree import Mark, Scalar, Tree, TreeError, trees
from skerry.core.stages.intent.model import API_VERSION, KINDS, KINDS_LATER, KINDS_MADE, Manifest, identity, nearest


@dataclass(frozen=True, kw_only=True)
class Document:
    """One manifest of a file."""

    manifest: Manifest
    source: str
    """The file, as messages call it."""
    places: Mapping[str, Mark]

    @property
    def kind(self) -> str:
        """The word in `kind`."""
        return type(self.manifest).__name__

    @property
    def name(self) -> str:
        """As `catalogue.identity` gives it."""
        return identity(self.manifest)

    def place(self, path: str) -> Mark:
        """Where a field stands, or the nearest that contains it."""
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, Mark(1, 1))


def load_file(path: Path) -> list[Document]:
    """As `load`, from a file; raises `ManifestErrors` also for one that cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(yaml_tree.TEXT_BYTES_MAX + 1)
        return load(raw.decode(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8 at byte {error.start}"
        failure = ManifestError(file=str(path), line=0, column=0, field="", message=f"cannot be read: {reason}")
        raise ManifestErrors([failure]) from error


def load(text: str, source: str) -> list[Document]:
    """Every document of a file; raises `ManifestErrors` with everything that is wrong in any of them."""
    documents: list[Document] = []
    errors: list[ManifestError] = []
    try:
        for tree in trees(text):
            reading, manifest = _read_document(tree)
            errors += [
                ManifestError(file=source, line=mark.line, column=mark.column, field=path, message=message, hint=hint)
                for path, mark, message, hint in reading.faults
            ]
            if manifest is not None:
                documents.append(Document(manifest=manifest, source=source, places=reading.places))
    except TreeError as error:
        at = error.mark
        errors.append(
            ManifestError(file=source, line=at.line, column=at.column, field="", message=error.message, hint=error.hint)
        )
    errors += _repeated(documents)
    if not documents and not errors:
        errors.append(ManifestError(file=source, line=1, column=1, field="", message="no document in it"))
    if errors:
        raise ManifestErrors(errors)
    return documents


def _repeated(documents: list[Document]) -> list[ManifestError]:
    first: dict[tuple[str, str], Document] = {}
    errors = []
    for document in documents:
        earlier = first.setdefault((document.kind, document.name), document)
        if earlier is not document:
            at, before = document.place("metadata.name"), earlier.place("metadata.name")
            message = f"a second {document.kind} `{document.name}`; the first is in line {before.line}"
            errors.append(
                ManifestError(
                    file=document.source, line=at.line, column=at.column, field="metadata.name", message=message
                )
            )
    return errors


def _read_document(tree: Tree) -> tuple[Reading, Manifest | None]:
    """The manifest, or None and why in the reading's faults."""
    reading = Reading(kind="", places={"": tree.mark})
    if not isinstance(tree, yaml_tree.Mapping):
        reading.fault("", tree.mark, "expected a mapping with `apiVersion`, `kind`, `metadata` and `spec`")
        return reading, None
    entries = {key.text: value for key, value in unique(tree, "", Reading(kind=""))}
    version = entries.get("apiVersion")
    if not isinstance(version, Scalar) or version.text != API_VERSION:
        found = f"`{version.text}`" if isinstance(version, Scalar) else "none"
        mark = version.mark if version is not None else tree.mark
        reading.fault("apiVersion", mark, f"expected `{API_VERSION}`, found {found}")
    kind = _kind(entries.get("kind"), tree, reading)
    if kind is None:
        return reading, None
    reading.kind = kind
    rest = [(key, value) for key, value in tree.entries if key.text not in ("apiVersion", "kind")]
    data = read(yaml_tree.Mapping(tree.mark, rest), _body(kind), "", reading)
    for name in ("apiVersion", "kind"):
        if sum(key.text == name for key, _ in tree.entries) > 1:
            reading.fault(name, tree.mark, f"`{name}` stands here twice", "keep one of them")
    if reading.faults:
        return reading, None
    try:
        return reading, msgspec.convert({**data, "kind": kind}, type=KINDS[kind])
    except msgspec.ValidationError as error:  # a rule of the model that `shape` does not know: still no traceback
        reading.fault("", tree.mark, str(error))
        return reading, None


def _kind(tree: Tree | None, document: Tree, reading: Reading) -> str | None:
    if not isinstance(tree, Scalar):
        mark = tree.mark if tree is not None else document.mark
        reading.fault("kind", mark, f"expected a kind: one of {', '.join(KINDS)}")
        return None
    if tree.text in KINDS:
        return tree.text
    if tree.text in KINDS_LATER:
        reading.fault("kind", tree.mark, f"kind `{tree.text}` is not supported yet")
    elif tree.text in KINDS_MADE:
        reading.fault("kind", tree.mark, f"a `{tree.text}` is made by Skerry and only read", "apply the intent instead")
    else:
        reading.fault("kind", tree.mark, f"unknown kind `{tree.text}`", nearest(tree.text, KINDS))
    return None


@lru_cache(maxsize=16)
def _body(kind: str) -> inspect.StructType:
    """The type of a document less what every document has."""
    info = inspect.type_info(KINDS[kind])
    assert isinstance(info, inspect.StructType)
    fields = tuple(one for one in info.fields if one.encode_name != "apiVersion")
    return inspect.StructType(cls=info.cls, fields=fields, forbid_unknown_fields=True)
