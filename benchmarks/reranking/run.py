"""Whether local features put an altered copy's original first, and whom they take for a copy. About ten minutes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import lookalike
from benchmarks.altered_copies.alterations import ALTERATIONS
from benchmarks.harness import Bench, evenly, timed
from benchmarks.photos import Photo, all_photos, photo_set
from benchmarks.rows import measured, median, quartiles
from lookalike.core.vectors import Pixels
from lookalike.evaluation.measures import Success, evaluate, means
from lookalike.images.decode import decode
from lookalike.images.features.agreement import agreement
from lookalike.images.features.points import Points, points_of
from lookalike.images.files import content_id
from lookalike.search.local_features import HIT_SIDE, LocalFeatures
from lookalike.search.reranking import reorder

QUESTION = "Do local features put the original of an altered copy first, and do they take strangers for copies?"
COPIES = 200
DEPTH = 100
PAIRS = 10_000
OF_EACH_CLASS = 20
ROUNDS = 9
ASKED = (
    "crop of half the area",
    "left or right half",
    "rotation by 90 degrees",
    "screenshot with a border",
    "sixteenth of the size (quarter of each side)",
)
TARGETS = {
    "crop of half the area": ">= 0.95",
    "rotation by 90 degrees": ">= 0.95",
    "screenshot with a border": ">= 0.95",
}
ROOM = 2_000_000_000  # for the points of all photos


class Copy(NamedTuple):
    """An altered copy, with what the search found for it."""

    pixels: Pixels
    original: str
    found: list[str]


def measure(bench: Bench) -> None:
    photos = all_photos(bench)
    paths = {content_id(path.read_bytes()): path for path in photos}
    reranker = LocalFeatures(pictures=lambda image_id: paths[image_id].read_bytes(), depth=DEPTH, cache_bytes=ROOM)
    with lookalike.open(bench.own / "photos.lookalike", threads=2) as collection:
        collection.index(*photos)
        for name in ASKED:
            bench.tick()
            copies = list(_copies(evenly(photos, bench.size(COPIES)), name, collection.search))
            _add_order(bench, name, copies, reranker, among=len(paths))
    _add_strangers(bench)
    _add_times(bench, photos)


def _copies(paths: Sequence[Path], name: str, search: Callable[..., lookalike.SearchResult]) -> list[Copy]:
    chance = random.Random(name)
    copies = []
    for path in paths:
        with Image.open(path) as picture:
            altered = ALTERATIONS[name](picture.convert("RGB"), chance)
        found = [hit.id for hit in search(altered, k=DEPTH)]
        copies.append(Copy(np.asarray(altered.convert("RGB")), content_id(path.read_bytes()), found))
    return copies


def _add_order(bench: Bench, name: str, copies: list[Copy], reranker: LocalFeatures, *, among: int) -> None:
    before, after, relevant, verified = {}, {}, {}, []
    for n, copy in enumerate(copies):
        reranked = reranker.rerank(copy.pixels, copy.found)
        asked = f"{n}"
        before[asked] = copy.found
        after[asked] = [copy.found[place] for place in reorder(reranked, unknown=LocalFeatures.unknown)]
        relevant[asked] = {copy.original}
        if copy.original in copy.found:
            verified.append(bool(reranked[copy.found.index(copy.original)].similarity))
    first, then = (means(evaluate(answers, relevant, [Success(1)]))["Success@1"] for answers in (before, after))
    note = f"{len(copies)} copies among {among:,} photos, the best {DEPTH} looked at again"
    bench.add(
        measured(
            f"{name}: Success@1",
            then,
            "",
            peer="by the vector alone",
            peer_value=first,
            target=TARGETS.get(name),
            note=note,
        ),
        measured(f"{name}: originals known again, of those found", float(np.mean(verified)), ""),
    )


def _add_strangers(bench: Bench) -> None:
    """How many pairs of different photos are taken for the same thing."""
    bench.tick()
    chance = random.Random(0)
    by_class: dict[str, list[Photo]] = {}
    for photo in photo_set("caltech"):
        by_class.setdefault(photo.label, []).append(photo)
    classes = evenly(sorted(by_class), bench.size(len(by_class)))
    photos = [photo for label in classes for photo in evenly(by_class[label], OF_EACH_CLASS)]
    points = {photo.path: _points(photo.path) for photo in photos}
    for name, fits in (
        ("strangers: pairs of different classes that agree", lambda a, b: a.label != b.label),
        ("strangers: pairs of one class that agree", lambda a, b: a.label == b.label and a.path != b.path),
    ):
        pairs = _some_pairs(photos, bench.size(PAIRS), fits, chance)
        agree = [(a, b) for a, b in pairs if agreement(points[a.path], points[b.path]).similarity]
        for a, b in agree:
            bench.say(f"{a.path.parent.name}/{a.path.name} and {b.path.parent.name}/{b.path.name}")
        bench.add(
            measured(name, len(agree) / len(pairs), "", note=f"{len(agree)} of {len(pairs):,} pairs from Caltech")
        )


def _some_pairs(
    photos: Sequence[Photo], count: int, fits: Callable[[Photo, Photo], bool], chance: random.Random
) -> list[tuple[Photo, Photo]]:
    pairs: dict[tuple[Path, Path], tuple[Photo, Photo]] = {}
    for _ in range(200 * count):
        a, b = chance.choice(photos), chance.choice(photos)
        if fits(a, b):
            pairs[a.path, b.path] = (a, b)
        if len(pairs) == count:
            break
    return list(pairs.values())


def _add_times(bench: Bench, photos: Sequence[Path]) -> None:
    """What one candidate costs, with and without its points at hand, two threads."""
    cold, warm = list[float](), list[float]()
    asked = evenly(photos, ROUNDS)
    for n, path in enumerate(asked):
        bench.tick()
        query = decode(path.read_bytes(), min_side=None).pixels
        others = evenly(photos[n:], bench.size(DEPTH))
        reranker = LocalFeatures(pictures=lambda name: Path(name).read_bytes(), threads=2, depth=DEPTH)
        for times in (cold, warm):
            seconds, _ = timed(partial(reranker.rerank, query, [str(other) for other in others]))
            times.append(1000 * seconds / len(others))
    note = f"a query against {DEPTH} photos of some 350 x 300 pixels, the query's own points included, two threads"
    bench.add(
        measured("a candidate not seen before", median(cold), "ms", spread=quartiles(cold), note=note),
        measured("a candidate whose points are kept", median(warm), "ms", spread=quartiles(warm)),
    )


def _points(path: Path) -> Points:
    return points_of(decode(path.read_bytes(), min_side=HIT_SIDE).pixels, side=HIT_SIDE)
