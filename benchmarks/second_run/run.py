"""How long it takes to find that nothing has changed. About a minute, most of it for making the collection."""

from __future__ import annotations

import json

from benchmarks.command import FILES, ran, ten_thousand
from benchmarks.harness import Bench, timed
from benchmarks.rows import measured, median, quartiles

QUESTION = "How long does a second `index` of 10,000 unchanged files take, as a new process?"
ROUNDS = 9


def measure(bench: Bench) -> None:
    folder, collection, count = ten_thousand(bench)
    seconds = []
    for _ in range(ROUNDS):
        bench.tick()
        took, told = timed(lambda: ran("index", folder, "-c", collection, "--json"))
        report = json.loads(told.splitlines()[-1])
        if (report["unchanged"], report["added"]) != (count, 0):
            raise RuntimeError(f"expected {count} unchanged files, got {report}")
        seconds.append(took)
    bench.add(
        measured(
            f"second index of {min(count, FILES):,} files",
            median(seconds),
            "s",
            spread=quartiles(seconds),
            target="<= 1.5 s",
            note=f"median of {ROUNDS} runs, from the start of the process to its end",
        )
    )
