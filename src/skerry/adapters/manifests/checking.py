"""Documents against the catalogue: the core's findings, with the places that they have in the files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skerry.adapters.manifests.documents import Document
from skerry.adapters.manifests.errors import ManifestError, ManifestErrors
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import ManagerId
from skerry.core.stages.intent.model import Catalogue, Finding, Functionality, Governance, Intent, Role
from skerry.core.stages.intent.rules import check as check_manifests
from skerry.core.stages.ir.rules import TranslationError, check_functionality, translate


def check(documents: Sequence[Document], catalogue: Catalogue, expressions: Expressions) -> Catalogue:
    """The catalogue with the documents in it, if all is well; else raises `ManifestErrors`, and nothing is to be
    applied. Functionalities applied earlier that a changed role or governance would break are told as well; so are
    intents among the documents that could not be translated."""
    after = catalogue.extended(document.manifest for document in documents)
    found = check_manifests([document.manifest for document in documents], after, expressions)
    found += check_manifests(_touched(documents, after), after, expressions)
    if not found:
        found += _translated(documents, after, expressions)
    refuse(found, documents)
    return after


def refuse(found: Sequence[Finding], documents: Sequence[Document]) -> None:
    """Raises `ManifestErrors` if anything was found, each with its place if it is in one of the documents."""
    if found:
        raise ManifestErrors(_located(finding, documents) for finding in found)


def _touched(documents: Sequence[Document], catalogue: Catalogue) -> list[Functionality]:
    """Functionalities not among the documents that use a role or governance that is."""
    roles = {document.name for document in documents if isinstance(document.manifest, Role)}
    governances = {document.name for document in documents if isinstance(document.manifest, Governance)}
    given = {document.name for document in documents if isinstance(document.manifest, Functionality)}
    return [
        one
        for name, one in catalogue.functionalities.items()
        if name not in given
        and (one.spec.governance in governances or any(e.role in roles for e in one.spec.elements.values()))
    ]


def _translated(documents: Sequence[Document], catalogue: Catalogue, expressions: Expressions) -> Iterable[Finding]:
    """What translating brings to light: every functionality touched with its defaults, every intent with its limits."""
    named = [document.manifest for document in documents if isinstance(document.manifest, Functionality)]
    for functionality in [*named, *_touched(documents, catalogue)]:
        yield from check_functionality(functionality, catalogue, expressions)
    for document in documents:
        if isinstance(document.manifest, Intent):
            try:
                translate(document.manifest, catalogue, expressions=expressions, owner=ManagerId("check"), generation=1)
            except TranslationError as error:
                yield from error.findings


def _located(finding: Finding, documents: Sequence[Document]) -> ManifestError:
    for document in documents:
        if (document.kind, document.name) == (finding.kind, finding.name):
            at = document.place(finding.path)
            return ManifestError(
                file=document.source,
                line=at.line,
                column=at.column,
                field=finding.path,
                message=finding.message,
                hint=finding.hint,
            )
    return ManifestError(
        file=documents[0].source if documents else "",
        line=0,
        column=0,
        field=f"{finding.kind} {finding.name} {finding.path}",
        message=finding.message,
        hint=finding.hint,
    )
