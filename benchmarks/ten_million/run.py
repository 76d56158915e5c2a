"""Ten million vectors on a small machine: built within a budget, killed half way, searched. About ten minutes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Bench, timed
from benchmarks.rows import measured, median, quartiles
from benchmarks.ten_million.build import FROM, Source
from benchmarks.vectors import searched

QUESTION = "Can ten million vectors be built within 4 GB, also after a kill, and how are they searched?"
COUNT = 10_000_000
MEMORY_BYTES = 4 << 30
QUERIES = 300
K = 10


def measure(bench: Bench) -> None:
    count = bench.size(COUNT)
    searched(min(FROM, count))
    workplace, target = bench.own / "workplace", bench.folder("index")
    killed_at = _killed_half_way(bench, count, workplace, target)
    told = _built(count, workplace, target)
    note = f"{count:,} vectors of 128; killed after {killed_at:,} were kept, and gone on with"
    bench.add(
        measured("building: what a process that went on after the kill took", told["seconds"], "s", note=note),
        measured(
            "building: anonymous memory at the end",
            told["anonymous_mb"] / 1024,
            "GB",
            target="<= 4 GB",
            note=f"with the files that are mapped, {told['resident_at_most_mb'] / 1024:.2f} GB were resident at most",
        ),
        measured("pictures that are in the index", told["count"], "pictures", target=f">= {count} pictures"),
    )
    _searched(bench, count, target)


def _killed_half_way(bench: Bench, count: int, workplace: Path, target: Path) -> int:
    """Start a build, and kill it once half of the vectors are kept; how many were."""
    bench.say("building, to be killed half way")
    process = subprocess.Popen(_command(count, workplace, target), stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            done = _done(workplace)
            if done >= count // 2:
                return done
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    raise RuntimeError(f"expected to kill the build, but it ended with {process.returncode}")


def _done(workplace: Path) -> int:
    try:
        return int(json.loads((workplace / "state.json").read_text("utf-8"))["done"])
    except (OSError, ValueError):
        return 0


def _built(count: int, workplace: Path, target: Path) -> dict[str, Any]:
    ran = subprocess.run(_command(count, workplace, target), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"building ended with {ran.returncode}: {ran.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _command(count: int, workplace: Path, target: Path) -> list[str]:
    module = [sys.executable, "-m", "benchmarks.ten_million.build"]
    return [*module, str(count), str(workplace), str(target), "--memory", str(MEMORY_BYTES)]


def _searched(bench: Bench, count: int, target: Path) -> None:
    import faiss

    from lookalike.index.faiss import FaissIndex

    faiss.omp_set_num_threads(1)
    seconds, index = timed(lambda: FaissIndex.load(target))
    queries = Source(count, searched(min(FROM, count)).base).vectors(np.arange(count, count + QUERIES))
    milliseconds, found = [], []
    for query in queries:
        taken, answer = timed(partial(index.search, query[None], K))
        milliseconds.append(taken * 1000)
        found.append(answer.keys[0])
    some = range(0, QUERIES, 10)
    right = [np.isin(index.search(queries[n][None], K, recall=1.0).keys[0], found[n]).mean() for n in some]
    bench.add(
        measured("opening, files mapped", seconds, "s"),
        measured(
            "one query, one thread: p50",
            median(milliseconds),
            "ms",
            spread=quartiles(milliseconds),
            note=f"p95 {np.percentile(milliseconds, 95):.2f} ms; recall@{K} {np.mean(right):.4f} over {len(right)} "
            f"queries, promised {index.recall:.4f}",
        ),
    )
