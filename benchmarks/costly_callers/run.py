"""How soon others are answered while one caller asks for the costliest, or everything is done at once. Three minutes.

With LOOKALIKE_BEFORE naming a folder of an older source, that is measured, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import lookalike
from benchmarks.collections import fill
from benchmarks.costly_callers.attacks import (
    CALLERS,
    LETTERS,
    LETTERS_BEFORE,
    TEXT,
    adding,
    client,
    costly_filter,
    kept_at,
    latencies_ms,
    silent_server,
    slow_address,
)
from benchmarks.harness import Bench
from benchmarks.ports import free_port
from benchmarks.rows import measured
from benchmarks.service_load.servers import ours, server
from lookalike.core.vectors import normalise

QUESTION = "How soon are others answered while one caller asks for the costliest that it may?"
MINE, THEIRS = "photos", "attacked"
PICTURES, LONG_TEXTS = 20_000, 200
WIDTH = 1280
SECONDS, EVERY_S = 12.0, 0.04
BEFORE = "LOOKALIKE_BEFORE"


class _Made(NamedTuple):
    """A collection, one with long texts, its model, a query, and keys: of its readers, of the attacker, of all."""

    mine: Path
    theirs: Path
    query: dict[str, object]
    keys: Path
    reader: str
    attacker: str
    writer: str


class _Found(NamedTuple):
    """The 99th percentiles, in milliseconds."""

    quiet: float
    attacked: float
    live: float


def measure(bench: Bench) -> None:
    made = _made(bench)
    before = os.environ.get(BEFORE)
    now = _found(bench, made, None, "now")
    then = None if before is None else _found(bench, made, Path(before), "before")
    peer = None if before is None else f"before ({_commit(Path(before))})"
    bench.add(
        measured(
            "searches of another tenant while nobody else asks, p99",
            now.quiet,
            "ms",
            peer=peer,
            peer_value=then and then.quiet,
        ),
        measured(
            f"the same while one key sends {CALLERS} costliest filters and {CALLERS} URLs at a time, p99",
            now.attacked,
            "ms",
            peer=peer,
            peer_value=then and then.attacked,
        ),
        measured(
            "the two compared",
            now.attacked / now.quiet,
            "times",
            target="<= 3 times",
            peer=peer,
            peer_value=then and then.attacked / then.quiet,
        ),
        measured(
            "`/livez` while fetching, saving, indexing and verifying at once, p99",
            now.live,
            "ms",
            target="<= 100 ms",
            peer=peer,
            peer_value=then and then.live,
        ),
    )


def _found(bench: Bench, made: _Made, source: Path | None, name: str) -> _Found:
    with _served(bench, made, source, name) as (port, address):
        search = partial(client(port, made.reader).post, f"/v1/collections/{MINE}/search", json=made.query)
        search().raise_for_status()
        quiet = latencies_ms(search, seconds=SECONDS, every_s=EVERY_S)
        letters = LETTERS if source is None else LETTERS_BEFORE
        attack = [costly_filter(port, made.attacker, THEIRS, made.query, letters=letters) for _ in range(CALLERS)]
        attack += [slow_address(port, made.attacker, THEIRS, address) for _ in range(CALLERS)]
        with kept_at(*attack):
            time.sleep(1)
            attacked = latencies_ms(search, seconds=SECONDS, every_s=EVERY_S)
    with _served(bench, made, source, f"{name}-alive") as (port, address):
        everything: list[Callable[[], object]] = [
            slow_address(port, made.writer, MINE, address),
            adding(port, made.writer, MINE, mode="now"),
            adding(port, made.writer, MINE, mode="queued"),
            partial(client(port, made.writer).post, f"/v1/collections/{MINE}/search", json=made.query),
        ]
        with kept_at(*everything):
            time.sleep(1)
            live = latencies_ms(partial(client(port, made.reader).get, "/livez"), seconds=SECONDS, every_s=EVERY_S)
    found = _Found(_p99(quiet), _p99(attacked), _p99(live))
    bench.say(f"{name}: quiet {found.quiet:.0f} ms, attacked {found.attacked:.0f} ms, alive {found.live:.0f} ms")
    return found


@contextmanager
def _served(bench: Bench, made: _Made, source: Path | None, name: str) -> Iterator[tuple[int, str]]:
    """A service of its own, of that source, on a copy of the collections: its port, and a silent address."""
    port, folder = free_port(), bench.folder(name)
    shutil.copytree(made.mine, folder / f"{MINE}.lookalike")
    shutil.copytree(made.theirs, folder / "home" / "collections" / THEIRS)
    environment = {"LOOKALIKE_SERVE_KEYS_FILE": str(made.keys), "LOOKALIKE_SERVE_ALLOW_PRIVATE_FETCH": "true"}
    if source is not None:
        environment["PYTHONPATH"] = str(source / "src")
    command = ours(folder / f"{MINE}.lookalike", port=port, folder=folder, workers=1)
    with server(command, port=port, folder=folder, environment=environment), silent_server() as address:
        yield port, address


def _p99(latencies: list[float]) -> float:
    return float(np.percentile(latencies, 99))


def _made(bench: Bench) -> _Made:
    mine, theirs, keys = bench.own / f"{MINE}.lookalike", bench.own / THEIRS, bench.own / "keys.json"
    vectors = normalise(np.random.default_rng(0).normal(size=(bench.size(PICTURES), WIDTH)).astype(np.float32))
    for place, count in ((mine, len(vectors)), (theirs, LONG_TEXTS)):
        with lookalike.open(place) as photos:
            fill(photos, vectors[:count], numbered=False)
            photos.rebuild()
            model = photos.info().model
    with lookalike.open(theirs) as photos:
        for _, stored in photos.pictures.list(limit=LONG_TEXTS):
            photos.pictures.label(stored.image.id, {"text": TEXT})
    body: dict[str, object] = {"vector": vectors[7].tolist(), "model": model, "k": 10}
    return _Made(
        mine,
        theirs,
        body,
        keys,
        reader=_key(keys, "reader", "--scope", "read", "--collection", MINE),
        attacker=_key(keys, "attacker", "--scope", "read", "--collection", THEIRS),
        writer=_key(keys, "writer", "--scope", "read", "--scope", "write"),
    )


def _key(keys: Path, name: str, *options: str) -> str:
    command = [sys.executable, "-m", "lookalike", "key", "add", name, "--keys", str(keys), *options]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return next(word for word in (told.stdout + told.stderr).split() if word.startswith("lk"))


def _commit(source: Path) -> str:
    command = ["git", "-C", str(source), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
