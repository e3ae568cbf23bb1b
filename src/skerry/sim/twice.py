"""Is a seed one world? Runs seeds twice, in processes that hash differently, and compares what each did.

The digest of a run is over every input, every effect and the encoded state after every step. Sets and dictionaries are
what usually tells two runs apart: their order hangs on the hash seed of the process.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from skerry.core.kernel.values import Value
from skerry.sim.options import AS_DRAWN, Shape
from skerry.sim.runner import Publisher, run_seed

HASH_SEEDS = ("0", "4711")
VARIABLE = "PYTHONHASHSEED"
PROBE = "how this process hashes"


class Twins(Value, frozen=True, kw_only=True):
    """What came of running seeds twice."""

    seeds: tuple[int, ...]
    differing: tuple[int, ...]
    """Seeds whose two runs differ."""
    distinct: int
    """Different worlds among all seeds."""
    hashed_alike: bool
    """Both processes hash alike: then nothing was shown."""

    @property
    def deterministic(self) -> bool:
        """Each seed gave the same run twice, and no two seeds gave the same."""
        return not self.differing and self.distinct == len(self.seeds) and not self.hashed_alike


def run_twice(seeds: Sequence[int], publisher: Publisher, shape: Shape = AS_DRAWN) -> Twins:
    """Each seed once under each of two hash seeds, in child processes one after the other."""
    (first_probe, first), (second_probe, second) = (
        _in_a_process(hash_seed, tuple(seeds), publisher, shape) for hash_seed in HASH_SEEDS
    )
    return Twins(
        seeds=tuple(seeds),
        differing=tuple(s for s, a, b in zip(seeds, first, second, strict=True) if a != b),
        distinct=len(set(first)),
        hashed_alike=first_probe == second_probe,
    )


def _in_a_process(
    hash_seed: str, seeds: tuple[int, ...], publisher: Publisher, shape: Shape
) -> tuple[int, tuple[str, ...]]:
    context = multiprocessing.get_context("spawn")
    with _environment(hash_seed), context.Pool(1) as pool:
        return pool.apply(_digests, (seeds, publisher, shape))


def _digests(seeds: tuple[int, ...], publisher: Publisher, shape: Shape) -> tuple[int, tuple[str, ...]]:
    book = publisher()
    return hash(PROBE), tuple(run_seed(seed, book, shape=shape, digest=True).digest for seed in seeds)


@contextmanager
def _environment(hash_seed: str) -> Iterator[None]:
    """A process reads its hash seed when it begins: children inherit this."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = hash_seed
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
