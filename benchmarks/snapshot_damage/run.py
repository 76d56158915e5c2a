"""Damage to every file of a collection that is not its catalog. About two minutes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

import lookalike
from benchmarks.harness import Bench
from benchmarks.photos import distinct_copies
from benchmarks.rows import measured
from lookalike.assembly.index_engines import LocalEngines
from lookalike.core.errors import LookalikeError, SnapshotDamaged
from lookalike.index.snapshot import read_snapshot
from lookalike.models.store import MODEL_IDS, default_model, default_model_path
from lookalike.settings import read_settings
from tests.damage import damaged

QUESTION = "Is damage to files other than the catalog noticed before they are used, and are the answers the same?"
DAMAGES = 200
ASKED_EVERY = 10
"""After so many noticed damages, the index is made anew and searched, which takes a second each time."""
PHOTOS = 400


class Outcome(NamedTuple):
    """What came of one damage; `same_answers` is None where it was noticed and the answers were not asked for."""

    noticed: bool
    same_answers: bool | None


def measure(bench: Bench) -> None:
    photos = bench.folder("photos")
    distinct_copies(bench, photos, PHOTOS)
    collection = bench.own / "damaged.lookalike"
    older = _made(collection, photos)
    files = {path.name: path for path in sorted((collection / "snapshots").rglob("*")) if path.is_file()}
    files.pop("LOCK", None)  # holds nothing
    wanted = _answers(collection)
    for name, path in files.items():
        others = {f"exchanged for {other.name}": other.read_bytes() for other in files.values() if other != path}
        others["of an older snapshot"] = older.get(name, b"an older version")
        outcomes = list(_index_outcomes(bench, collection, path, others, wanted))
        bench.tick()
        _tell(bench, f"snapshots: {name}", outcomes)
    _tell(bench, "model file in the cache", list(_model_outcomes(bench)))
    _tell(bench, "picture kept in the collection", list(_object_outcomes(bench, collection)))


def _made(collection: Path, photos: Path) -> dict[str, bytes]:
    """A collection with one picture of its own; gives the files of an older snapshot of it."""
    first = sorted(photos.rglob("*.jpg"))
    with lookalike.open(collection) as opened:
        opened.index(*first[: len(first) * 3 // 4])
    older = {path.name: path.read_bytes() for path in (collection / "snapshots").rglob("*") if path.is_file()}
    with lookalike.open(collection) as opened:
        opened.index(photos)
        opened.add(first[0].read_bytes() + b"kept")
        opened._parts.view.rebuild()  # as after a damage
        opened._parts.view.save()
    return older


def _answers(collection: Path) -> list[tuple[str, float]]:
    with lookalike.open(collection, read_only=True) as opened:
        keys, vectors = opened._parts.view.vectors_searched()
        found = opened._parts.view.search(_raw(opened)[:5], 10)
        ids = opened._parts.catalog.ids(found.keys.ravel().tolist())
        rebuilt = (len(keys), vectors.shape[1])
    answers = zip(found.keys.ravel().tolist(), found.similarities.ravel().tolist(), strict=True)
    return [(ids[key], round(similarity, 6)) for key, similarity in answers] + [("size", float(sum(rebuilt)))]


def _raw(opened: lookalike.Collection) -> np.ndarray:
    return next(iter(opened._parts.catalog.all_vectors())).vectors.astype(np.float32)


def _index_outcomes(
    bench: Bench, collection: Path, path: Path, others: dict[str, bytes], wanted: list[tuple[str, float]]
) -> Iterator[Outcome]:
    content = path.read_bytes()
    damages = damaged(content, rng=random.Random(path.name), others=others)
    for n, (_, hurt) in enumerate(islice(damages, bench.size(DAMAGES))):
        _put(path, hurt)
        noticed = _is_noticed(collection)
        asked = not noticed or n % ASKED_EVERY == 0
        yield Outcome(noticed, _answers(collection) == wanted if asked else None)
    _put(path, content)


def _is_noticed(collection: Path) -> bool:
    try:
        read_snapshot(collection / "snapshots", LocalEngines())
    except SnapshotDamaged:
        return True
    return False


def _model_outcomes(bench: Bench) -> Iterator[Outcome]:
    cache = bench.folder("cache")
    whole = default_model("int8", cache_dir=read_settings().cache).content
    path = default_model_path("int8", cache_dir=cache)
    for _, hurt in islice(damaged(whole, rng=random.Random(1)), bench.size(DAMAGES)):
        _put(path, hurt)
        model = default_model("int8", cache_dir=cache)
        right = hashlib.sha256(model.content).hexdigest() == MODEL_IDS["int8"]
        yield Outcome(right and path.read_bytes() == model.content, right)


def _object_outcomes(bench: Bench, collection: Path) -> Iterator[Outcome]:
    path = next(path for path in sorted((collection / "objects").rglob("*")) if path.is_file())
    content = path.read_bytes()
    for _, hurt in islice(damaged(content, rng=random.Random(2)), bench.size(DAMAGES)):
        _put(path, hurt)
        with lookalike.open(collection, read_only=True) as opened:
            try:
                got: bytes | None = opened._parts.objects.get(hashlib.sha256(content).hexdigest())
            except LookalikeError:
                got = None
        yield Outcome(got is None, got in (None, content))
    _put(path, content)


def _put(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


def _tell(bench: Bench, name: str, outcomes: list[Outcome]) -> None:
    unnoticed = [outcome for outcome in outcomes if not outcome.noticed]
    asked = [outcome.same_answers for outcome in outcomes if outcome.same_answers is not None]
    note = (
        f"{len(outcomes)} damages, of which {len(unnoticed)} changed nothing that is read (blanks in a line); "
        f"answers were asked for after {len(asked)}"
    )
    used = sum(not outcome.same_answers for outcome in unnoticed)
    bench.add(
        measured(f"{name}: damages that were not noticed and changed something", used, "", target="<= 0", note=note),
        measured(f"{name}: other answers than before", sum(not same for same in asked), "", target="<= 0"),
    )
