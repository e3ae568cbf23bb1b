"""A probe's figure is its answers over the time that they took, however short it was told to be."""

from skerry.examples.programs.probe import WORKERS, load


def test_each_worker_asks_once_however_short_the_stretch() -> None:
    measured = load(lambda _caller, _worker, _number: True, for_ms=0)
    assert len(measured.taken_us) == WORKERS
