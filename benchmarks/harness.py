"""What every question works with: sizes, folders, the clock, and the result that is written."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from benchmarks.machine import clock_ms, clock_note, facts, versions
from benchmarks.rows import Row

RESULTS = Path(__file__).parent / "results"
QUESTIONS = (
    "indexing_speed",
    "earlier_version",
    "second_run",
    "search_start",
    "answer_cache",
    "memory",
    "retrieval_quality",
    "altered_copies",
    "duplicates",
    "foreign_queries",
    "reranking",
    "tiered",
    "crash_safety",
    "acknowledged_uploads",
    "snapshot_damage",
    "hostile_images",
    "exact_search",
    "approximate_search",
    "changing_index",
    "search_beside_upkeep",
    "ten_million",
    "postgres_catalog",
    "vector_database",
    "gpu_search",
    "browser_embedding",
    "first_own_search",
    "service_load",
    "held_memory",
    "costly_callers",
)

T = TypeVar("T")


class CannotRun(Exception):
    """Something that a measurement needs is not on this machine; the message says what."""


class Bench:
    """One run of one question.

    Args:
        shared: a folder of this run, in which questions find what others have made.
        own: an empty folder of this question.
        sample: how many things to measure at most, for a quick try; None measures all.
    """

    def __init__(self, *, shared: Path, own: Path, sample: int | None) -> None:
        self.shared = shared
        self.own = own
        self.sample = sample
        self.rows: list[Row] = []
        self._ticks_ms = [clock_ms()]

    def size(self, full: int) -> int:
        """How many things to measure, of `full`."""
        return full if self.sample is None else min(full, self.sample)

    def folder(self, name: str) -> Path:
        """A new empty folder."""
        folder = self.own / name
        folder.mkdir(parents=True)
        return folder

    def tick(self) -> None:
        """Look how fast the clock runs; to be called in every round."""
        self._ticks_ms.append(clock_ms())

    def add(self, *rows: Row) -> None:
        """Take figures into the result, and tell them."""
        for row in rows:
            self.rows.append(row)
            told = row.not_run or f"{row.value} {row.unit}" + (f", {row.ratio}x {row.peer}" if row.ratio else "")
            self.say(f"{row.name}: {told}{'' if row.met is None else ' (met)' if row.met else ' (NOT met)'}")

    def say(self, text: str) -> None:
        """Tell the person who waits."""
        print(f"  {text}", file=sys.stderr, flush=True)

    def write(self, path: Path, *, question: str, seconds: float) -> None:
        """Write the result; whole, or not at all."""
        self.tick()
        result = {
            "question": question,
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(seconds),
            "machine": {**facts(), "sha256_of_8_mib_ms": clock_note(self._ticks_ms)},
            "versions": versions(),
            "rows": [asdict(row) for row in self.rows],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Do something; gives the seconds that it took, and what it gave."""
    started = time.perf_counter()
    answer = work()
    return time.perf_counter() - started, answer


def evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` items spread evenly over all, or all where they are fewer."""
    if count >= len(items):
        return list(items)
    return [items[n * len(items) // count] for n in range(count)]
