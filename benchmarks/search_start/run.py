"""How long a search takes as a new process, and where the time goes. About half a minute after the collection."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

from benchmarks.command import command_line, environment, ran, ten_thousand
from benchmarks.harness import Bench, evenly, timed
from benchmarks.photos import all_photos
from benchmarks.rows import measured, median, quartiles
from lookalike.settings import read_settings

QUESTION = "How long does `lookalike search` take as a new process on 10,000 pictures, and where does the time go?"
ROUNDS = 15
STEP_ROUNDS = 7
LONGEST_IMPORTS = 8


def measure(bench: Bench) -> None:
    _, collection, count = ten_thousand(bench)
    photos = evenly(all_photos(bench), ROUNDS)
    whole, bare, steps = list[float](), list[float](), defaultdict[str, list[float]](list)
    _searched(photos[0], collection)
    for n, photo in enumerate(photos):
        bench.tick()
        whole.append(timed(partial(_searched, photo, collection))[0])
        bare.append(timed(lambda: _python("-c", "pass"))[0] * 1000)
        if n < STEP_ROUNDS:
            for name, took_ms in _steps(photo, collection).items():
                steps[name].append(took_ms)
    note = f"median of {len(photos)} photos, from the start of the process to its end"
    bench.add(
        measured(f"search among {count:,}", median(whole), "s", spread=quartiles(whole), target="<= 0.8 s", note=note)
    )
    bench.add(measured("of which: starting Python", median(bare), "ms", spread=quartiles(bare)))
    for name, ms in steps.items():
        bench.add(measured(f"of which: {name}", median(ms), "ms", spread=quartiles(ms)))
    told = median(bare) + sum(median(ms) for ms in steps.values())
    note = "command line, other imports, printing, ending; each step was clocked in a process of its own"
    bench.add(measured("of which: the rest", median(whole) * 1000 - told, "ms", note=note))
    for package, took_ms in _import_ms(photos[0], collection)[:LONGEST_IMPORTS]:
        note = "its own modules, by `python -X importtime`, which slows imports down"
        bench.add(measured(f"imports of the command: {package}", took_ms, "ms", note=note))


def _searched(photo: Path, collection: Path) -> None:
    reply = json.loads(ran("search", photo, "-c", collection, "--json"))
    if len(reply["hits"]) != 10:
        raise RuntimeError(f"expected 10 hits, got {len(reply['hits'])}")


def _steps(photo: Path, collection: Path) -> dict[str, float]:
    arguments = [str(collection), str(photo), str(read_settings().cache)]
    steps: dict[str, float] = json.loads(_python("-m", "benchmarks.search_start.stages", *arguments).stdout)
    return steps


def _import_ms(photo: Path, collection: Path) -> list[tuple[str, float]]:
    """Milliseconds by package that the command imports, the longest first."""
    told = _python("-X", "importtime", *command_line("search", photo, "-c", collection, "--json")).stderr
    spent: dict[str, float] = defaultdict(float)
    for line in told.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "import time" and "|" in rest and "self" not in rest:
            own_us, _, module = (part.strip() for part in rest.split("|"))
            spent[module.split(".")[0]] += int(own_us) / 1000
    return sorted(spent.items(), key=lambda item: -item[1])


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=environment(), capture_output=True, text=True, errors="replace", check=True
    )
