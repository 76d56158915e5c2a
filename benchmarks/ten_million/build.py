"""Builds ten million vectors in a process of its own, which tells what that took."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.vectors import searched
from lookalike.core.vectors import Keys, Vectors, normalise

FROM = 2_000_000
NOISE = 0.35
_AT_ONCE = 16_384


class Source:
    """Vectors in the neighbourhood of those that other questions search, the same ones each time.

    Args:
        count: N.
        base: shape (n, D), float32, of length 1; the first n vectors are these, the others lie around them.
    """

    def __init__(self, count: int, base: Vectors) -> None:
        self._count, self._base = count, base
        self._scales = np.asarray(base[:50_000]).std(axis=0) * np.float32(NOISE)

    def batches(self) -> Iterator[tuple[Keys, Vectors]]:
        """All of them."""
        for start in range(0, self._count, _AT_ONCE):
            keys = np.arange(start, min(start + _AT_ONCE, self._count))
            yield keys, self.vectors(keys)

    def vectors(self, keys: Keys) -> Vectors:
        """Some that follow each other."""
        rows = np.asarray(self._base[keys % len(self._base)])
        noise = np.random.default_rng(int(keys[0])).standard_normal(rows.shape, np.float32) * self._scales
        return normalise(rows + noise * (keys >= len(self._base))[:, None])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("workplace", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--memory", type=int, required=True)
    arguments = parser.parse_args()

    from lookalike.index.faiss import build_index

    source = Source(arguments.count, searched(min(FROM, arguments.count)).base)
    started = time.perf_counter()
    index = build_index(
        source.batches,
        count=arguments.count,
        dimension=128,
        memory_bytes=arguments.memory,
        workplace=arguments.workplace,
        subject="ten million",
    )
    seconds = time.perf_counter() - started
    index.save(arguments.target)
    told = {"seconds": seconds, "recall": index.recall, "count": len(index), **_memory()}
    sys.stdout.write(json.dumps(told) + "\n")


def _memory() -> dict[str, float]:
    """The most that was resident, mapped files included, and what is anonymous now; megabytes."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"resident_at_most_mb": most / 1024, "anonymous_mb": kilobytes["Anonymous"] / 1024}


if __name__ == "__main__":
    main()
