"""Pieces of journals as disks take them."""

from __future__ import annotations

from functools import lru_cache

from skerry.core.group.journal.chain import Piece, stored_piece


@lru_cache(maxsize=1_024)  # each piece is kept by all of a site, at about the same time
def kept_piece(raw: bytes) -> Piece:
    """One that somebody keeps. Raises `DecodeError`."""
    return stored_piece(raw)
