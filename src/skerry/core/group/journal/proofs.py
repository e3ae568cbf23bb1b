"""What entries hand on as proof: statements of others as they were signed, by which whoever reads it finds the same."""

from __future__ import annotations

from skerry.core.group.journal.model import Entry
from skerry.core.kernel.evidence import evidence_in
from skerry.core.kernel.sealing import Sealed

FORK = "journal.fork"
"""The other of two entries with one number (J1)."""
FORGOTTEN = "acknowledged.forgotten"
"""What a manager acknowledged once, and has forgotten that it did (J3, J4)."""


def proof_in(body: object) -> Sealed | None:
    """What a finder hands on. Its signature has to be good: the finder's word alone proves nothing."""
    return evidence_in(body.data) if isinstance(body, Entry) and body.what in (FORK, FORGOTTEN) else None
