"""The tables of docs/benchmark.md."""

from __future__ import annotations

from bench.disconnect import tables
from bench.disconnect.sample import Case, Sample, read
from tests.tidy.tree import ROOT

KEPT = ROOT / "bench" / "disconnect" / "samples"
PAGE = ROOT / "docs" / "benchmark.md"
BEGIN, END = "<!-- from here on: `--table` -->\n", "<!-- up to here -->\n"


def sample(system: str, figures: dict[str, list[float]], *, nodes: int = 3, **more: object) -> Sample:
    values = {"version": "1.0", "part": "trial", "repeat": 1, "load": 0.5, "wall_ms": 1, **more}
    return Sample(case=Case(system, "defaults", nodes), figures=figures, **values)  # type: ignore[arg-type] # by name


def cells(page: str, title: str, system: str) -> list[str]:
    """Of the table with this title, the row of a system."""
    part = page.partition(f"### {title}\n")[2].partition("###")[0]
    row = next(line for line in part.splitlines() if line.startswith(f"| {system} "))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_row_has_median_and_worst_of_all_trials_and_the_load_that_they_were_made_under() -> None:
    times_ms = (1_000.0, 4_000.0, 1_500.0)
    kept = [
        sample("etcd", {"once_served_ms": [t]}, load=load) for t, load in zip(times_ms, (0.1, 2.0, 1.0), strict=True)
    ]
    row = cells(tables.page(kept), "A node's cable is out, 3 nodes", "etcd")
    assert row == ["etcd 1.0, defaults", "–", "–", "–", "1.50 / 4.00", "–", "–", "3", "0.1–2.0"]


def test_at_rest_every_node_is_a_value() -> None:
    kept = [sample("serf", {"memory_mib": [6.0, 7.0, 9.0], "lan_bytes_an_hour": [2.4e6]}, part="rest")]
    assert cells(tables.page(kept), "At rest, 3 nodes", "serf")[1:4] == ["7 / 9", "2.4 / 2.4", "–"]


def test_a_trial_that_failed_is_counted_and_not_left_out() -> None:
    kept = [sample("nats", {"once_served_ms": [4_000.0]}), sample("nats", {}, failed="no leader")]
    assert cells(tables.page(kept), "A node's cable is out, 3 nodes", "nats")[-2] == "1 and 1 failed"


def test_who_has_no_uplink_stands_in_no_table_of_it() -> None:
    kept = [sample("skerry", {"uplink_noticed_ms": [9_000.0]}), sample("etcd", {"once_served_ms": [1_000.0]})]
    page = tables.page(kept)
    assert cells(page, "The uplink is cut, 3 nodes", "skerry")[1] == "9.00 / 9.00"
    assert "etcd" not in page.partition("### The uplink is cut")[2]


def test_the_page_shows_what_the_kept_samples_come_to() -> None:
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == tables.page(list(read(sorted(KEPT.glob("*.jsonl"))))).strip() != ""
