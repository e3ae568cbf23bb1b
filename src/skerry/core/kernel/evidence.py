"""Statements that stand in an entry of a journal as they were signed: who reads it can verify them for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.core.kernel.sealing import Sealed


def evidence(sealed: Sealed) -> dict[str, Any]:
    """What an entry's data says of a statement."""
    return {"statement": sealed.statement, "signature": sealed.signature}


def evidence_in(data: Mapping[str, Any]) -> Sealed | None:
    """The statement that stands in an entry's data, if one does. Whether its signature is good is still to be seen."""
    statement, signature = data.get("statement"), data.get("signature")
    if not isinstance(statement, bytes) or not isinstance(signature, bytes):
        return None
    return Sealed(statement=statement, signature=signature)
