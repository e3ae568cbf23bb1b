"""Figures as Prometheus reads them, in its text format 0.0.4: gauges and counters with their units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MEDIA_TYPE = "text/plain; version=0.0.4"

Sample = tuple[str, dict[str, str], float]
"""A name, labels, a value."""


def exposition(meaning: Mapping[str, str], samples: Iterable[Sample]) -> str:
    """All samples, those of one name together, each name with what it means."""
    found: dict[str, list[str]] = {name: [] for name in meaning}
    for name, labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
        found[name].append(f"{name}{{{shown}}} {value:.15g}" if shown else f"{name} {value:.15g}")
    lines: list[str] = []
    for name, shown_samples in found.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {meaning[name]}", f"# TYPE {name} {kind}", *shown_samples]
    return "\n".join(lines) + "\n"


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
