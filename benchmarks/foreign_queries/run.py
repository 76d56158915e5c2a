"""Whether a query with nothing like it in a collection is told so, and others are not. About three minutes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import lookalike
from benchmarks.altered_copies.alterations import ALTERATIONS
from benchmarks.harness import Bench, evenly
from benchmarks.photos import Photo, photo_set
from benchmarks.rows import measured
from lookalike.collection import Collection

QUESTION = "Is a query told that there is nothing like it where that is so, and only there?"
HELD_OUT = 600
FOREIGN = 1500
COPIES = 100
SEEDS = 2
MOST_WRONGLY = 0.05
SETS = {"Caltech": "caltech", "groceries": "grocery"}


class Asked(NamedTuple):
    """Of each query: whether it was told that there is nothing like it, and the similarity of its best hit."""

    told: list[bool]
    best: list[float]


def measure(bench: Bench) -> None:
    photos = {name: photo_set(folder) for name, folder in SETS.items()}
    for name, others in (("Caltech", "groceries"), ("groceries", "Caltech")):
        _foreign_and_known(bench, name, photos[name], others, photos[others])
    for name in SETS:
        _halves(bench, name, photos[name])


def _foreign_and_known(bench: Bench, name: str, ours: Sequence[Photo], others: str, theirs: Sequence[Photo]) -> None:
    """One collection of a set but for some photos, which are asked for, and photos of the other set."""
    bench.tick()
    mixed = random.Random(0).sample(ours, bench.size(len(ours)))
    held_out = mixed[: min(HELD_OUT, len(mixed) // 4)]
    kept = mixed[len(held_out) :]
    with lookalike.open(bench.own / f"{name}.lookalike", threads=2) as collection:
        collection.index(*(photo.path for photo in kept))
        known = _ask(collection, (photo.path for photo in held_out))
        foreign = _ask(collection, (photo.path for photo in evenly(theirs, bench.size(FOREIGN))))
        among = f"{len(kept):,} of {name}"
        bench.add(
            measured(
                f"{others} asked in {name}: told",
                100 * float(np.mean(foreign.told)),
                "%",
                target=">= 80 %",
                peer="the best similarity alone, at a threshold that tells 5 % of the known",
                peer_value=100 * _by_similarity(known, foreign),
                note=f"{len(foreign.told):,} photos asked among {among}",
            ),
            measured(
                f"{name} asked in {name}: wrongly told",
                100 * float(np.mean(known.told)),
                "%",
                target="<= 5 %",
                note=f"{len(known.told):,} photos that were left out, asked among {among}",
            ),
        )
        for alteration, alter in ALTERATIONS.items():
            chance = random.Random(alteration)
            copies = [alter(_opened(photo.path), chance) for photo in evenly(kept, bench.size(COPIES))]
            told = 100 * float(np.mean(_ask(collection, copies).told))
            bench.add(measured(f"{name}, {alteration}: wrongly told", told, "%", note=f"{len(copies)} copies"))


def _halves(bench: Bench, name: str, photos: Sequence[Photo]) -> None:
    """Classes that the collection lacks, beside those that it has: half of each, by chance."""
    told, by_similarity, wrongly = [], [], []
    for seed in range(SEEDS):
        bench.tick()
        chance = random.Random(seed)
        labels = sorted({photo.label for photo in photos})
        there = set(chance.sample(labels, len(labels) // 2))
        ours = [photo for photo in photos if photo.label in there]
        theirs = [photo for photo in photos if photo.label not in there]
        held_out = set(chance.sample(ours, len(ours) // 5))
        with lookalike.open(bench.own / f"half of {name}, {seed}.lookalike", threads=2) as collection:
            kept = [photo.path for photo in ours if photo not in held_out]
            collection.index(*evenly(kept, bench.size(len(kept))))
            known = _ask(collection, (photo.path for photo in evenly(sorted(held_out), bench.size(HELD_OUT))))
            foreign = _ask(collection, (photo.path for photo in evenly(theirs, bench.size(HELD_OUT))))
        told.append(100 * float(np.mean(foreign.told)))
        wrongly.append(100 * float(np.mean(known.told)))
        by_similarity.append(100 * _by_similarity(known, foreign))
    peer = "the best similarity alone, at a threshold that tells 5 % of the known"
    bench.add(
        measured(
            f"{name}, classes that the collection lacks: told",
            float(np.mean(told)),
            "%",
            spread=(min(told), max(told)),
            peer=peer,
            peer_value=float(np.mean(by_similarity)),
            note=f"half of the classes left out, {SEEDS} times; {np.mean(wrongly):.1f} % of the known wrongly told",
        )
    )


def _ask(collection: Collection, queries: Iterable[Path | Image.Image]) -> Asked:
    results = [collection.search(query, k=1) for query in queries]
    return Asked([bool(one.nothing_like_it) for one in results], [one[0].similarity for one in results])


def _by_similarity(known: Asked, foreign: Asked) -> float:
    """The share of foreign queries told where the best similarity alone decides."""
    return float(np.mean(np.array(foreign.best) < np.quantile(known.best, MOST_WRONGLY)))


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
