"""Whether `duplicates` finds true copies and names no strangers. About half an hour on two cores."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import lookalike
from benchmarks.duplicates.copies import COPIES, File
from benchmarks.duplicates.drawn import DRAWN
from benchmarks.duplicates.strangers import STRANGERS, differs
from benchmarks.harness import Bench, timed
from benchmarks.photos import photo_set
from benchmarks.rows import measured
from lookalike.images.files import read_file

QUESTION = "Are copies named as duplicates, and nothing else, through the command's own way?"
SOURCES = 300
DRAWN_SHARE = 5
_LOOKED_AT = 400
"""The first photos of this half were looked at when the limits of the rule were found."""

_FRESH = 10_000
"""Drawn pictures of smaller seeds were, too."""

COPIES_OF_EACH, STRANGERS_TO_EACH = 7, 8
_SAVED_AS = (
    "JPEG 85, progressive",
    "JPEG 75, 4:2:2",
    "JPEG 40",
    "PNG",
    "WebP 80",
    "75 %",
    "50 %",
    "25 %",
)


class Made(NamedTuple):
    """A file of the benchmark's folder.

    Attributes:
        path: where it lies.
        family: of which source it is; copies of one family are duplicates of its source.
        way: how it was made.
        is_copy: whether it is a copy of the source.
    """

    path: Path
    family: int
    way: str
    is_copy: bool


def measure(bench: Bench) -> None:
    folder = bench.folder("pictures")
    made = list(_all_made(bench, folder))
    with lookalike.open(bench.own / "pictures.lookalike", threads=2) as collection:
        collection.index(folder)
        bench.tick()
        seconds, groups = timed(collection.duplicates)
    bench.tick()
    group_of = {member.path: n for n, group in enumerate(groups) for member in group.members}
    source_of = {one.family: group_of.get(str(one.path), -1) for one in made if one.way == "source"}
    copies = [one for one in made if one.is_copy and one.way != "source"]
    strangers = [one for one in made if not one.is_copy]
    missed = [one for one in copies if group_of.get(str(one.path), -2) != source_of[one.family]]
    named = [one for one in strangers if str(one.path) in group_of]
    for one in (*missed[:40], *named):
        bench.say(f"{'missed' if one.is_copy else 'named'}: {one.way}, {one.path.name}")
    missing = ", ".join(f"{way} {count}" for way, count in Counter(one.way for one in missed).most_common())
    bench.add(
        measured(
            "copies found",
            100 * (1 - len(missed) / len(copies)),
            "%",
            target=">= 98 %",
            note=f"{len(copies):,} in {len(COPIES)} ways, of {len(source_of)} pictures; missed: {missing or 'none'}",
        ),
        measured(
            "strangers named",
            100 * len(named) / len(strangers),
            "%",
            target="<= 0.1 %",
            note=f"{len(strangers):,} altered in {len(STRANGERS) + len(DRAWN)} ways, {len(named)} named in any group",
        ),
        measured("copies found by a 64-bit difference hash", 100 * _by_hash(copies, made), "%", note=_HASH_NOTE),
        measured("strangers named by a 64-bit difference hash", 100 * _by_hash(strangers, made), "%"),
        measured("seconds for 10,000 such pictures", seconds / len(made) * 10_000, "s", note=_SECONDS_NOTE),
    )


_HASH_NOTE = "dHash of 9 x 8 cells, at most 4 bits apart from its own source; our own few lines"
_SECONDS_NOTE = "in proportion, two threads; every picture here has some fifteen that look almost like it"


def _all_made(bench: Bench, folder: Path) -> Iterator[Made]:
    for family, (name, picture) in enumerate(_sources(bench)):
        chance = random.Random(f"{family} {name}")
        source = COPIES["JPEG 95"](picture, chance) if name == "photo" else COPIES["PNG"](picture, chance)
        yield _written(folder, family, "source", source, is_copy=True)
        for way in chance.sample(list(COPIES), COPIES_OF_EACH):
            yield _written(folder, family, way, COPIES[way](picture, chance), is_copy=True)
        ways = [*STRANGERS, *([name] * 4 if name in DRAWN else [])]
        kept: list[Image.Image] = [picture]
        for way in chance.sample(ways, STRANGERS_TO_EACH):
            if way in STRANGERS:
                stranger = STRANGERS[way](picture, chance)
            else:
                stranger = DRAWN[way](random.Random(family + _FRESH), random.Random(chance.random()))
            if all(differs(stranger, other) for other in kept):
                kept.append(stranger)
                file = COPIES[chance.choice(_SAVED_AS)](stranger, chance)
                yield _written(folder, family, f"stranger, {way}", file, is_copy=False)


def _sources(bench: Bench) -> Iterator[tuple[str, Image.Image]]:
    """Photos and drawn pictures that were not looked at when the figures of the rule were set."""
    photos = []
    for name in ("caltech", "grocery"):
        some = photo_set(name)
        random.Random(5).shuffle(some)
        photos += some[len(some) // 2 :]
    random.Random(9).shuffle(photos)
    del photos[-_LOOKED_AT:]
    seen: list[np.ndarray] = []
    count, drawn = bench.size(SOURCES), list(DRAWN)
    for n in range(count):
        if n % DRAWN_SHARE == 0:
            name = drawn[n // DRAWN_SHARE % len(drawn)]
            yield name, DRAWN[name](random.Random(n + _FRESH), random.Random(f"{n} first, anew"))
            continue
        while True:  # without photos that are in there twice themselves
            picture = Image.open(photos.pop().path).convert("RGB")
            small = np.asarray(picture.convert("L").resize((16, 16)), np.float32)
            if all(np.abs(small - other).mean() > 6 for other in seen):
                break
        seen.append(small)
        yield "photo", picture


def _written(folder: Path, family: int, way: str, file: File, *, is_copy: bool) -> Made:
    place = folder / f"{family:04d}"
    place.mkdir(exist_ok=True)
    path = place / f"{len(list(place.iterdir())):02d} {way.replace('/', '-')}.{file.suffix}"
    path.write_bytes(file.data)
    return Made(path, family, way, is_copy)


def _by_hash(some: list[Made], made: list[Made]) -> float:
    """The share of files within 4 bits of their family's source."""
    source = {one.family: _hash(one.path) for one in made if one.way == "source"}
    return float(np.mean([(_hash(one.path) ^ source[one.family]).bit_count() <= 4 for one in some]))


def _hash(path: Path) -> int:
    from lookalike.images.decode import decode

    pixels = decode(read_file(path).data, min_side=32).pixels
    levels = np.asarray(Image.fromarray(pixels).convert("L").resize((9, 8)), np.int16)
    return int("".join("1" if bit else "0" for bit in (levels[:, 1:] > levels[:, :-1]).ravel()), 2)
