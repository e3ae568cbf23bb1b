"""What an operator hands in at the site itself, while head office cannot be asked (U4)."""

from __future__ import annotations

from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import Value
from skerry.core.stages.ir.model import IntermediateRepresentation


class LocalIntent(Value, frozen=True, kw_only=True, tag="local_intent"):
    """Signed by an operator: what they want, as they wrote it."""

    manifests: str
    """YAML, with one intent."""


class LocalIntentGiven(Value, frozen=True, kw_only=True, tag=True):
    """A node's API took a local intent: the signature is good, and it could be translated."""

    request: str
    operator: str
    ir: IntermediateRepresentation
    evidence: Sealed
    """The operator's own statement; it goes into the journal as it came."""
