"""What is kept of each trial, and what is not made again."""

from __future__ import annotations

from pathlib import Path

from bench.disconnect.sample import Case, Sample, append, done, read

CASE = Case("etcd", "tuned", 3)


def sample(repeat: int, *, case: Case = CASE, failed: str = "") -> Sample:
    figures = {} if failed else {"once_served_ms": [1_000.0 * repeat]}
    return Sample(
        case=case, version="3", part="trial", repeat=repeat, figures=figures, load=0.5, wall_ms=1, failed=failed
    )


def test_samples_are_found_again_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "etcd.jsonl"
    written = [sample(1), sample(2, failed="etcd has one leader: not within 60 s")]
    for one in written:
        append(file, one)
    assert list(read([file])) == written


def test_half_a_line_of_a_run_that_was_ended_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "etcd.jsonl"
    append(file, sample(1))
    with open(file, "ab") as kept:
        kept.write(b'{"case":{"sys')
    assert list(read([file])) == [sample(1)]


def test_what_failed_and_what_belongs_to_another_case_is_made_again() -> None:
    others = [sample(3, case=Case("etcd", "defaults", 3)), sample(4, case=Case("etcd", "tuned", 5))]
    assert done([sample(1), sample(2, failed="no"), *others], CASE, "trial") == {1}
    assert done([sample(1)], CASE, "rest") == set()
