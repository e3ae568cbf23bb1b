"""The page's tables, from the samples."""

from __future__ import annotations

from bench.disconnect.samples import Sample


def page(kept: list[Sample]) -> str:
    """Markdown."""
    return ""
