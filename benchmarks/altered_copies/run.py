"""Whether an altered copy finds its original among all photos. About one and a half minutes."""

from __future__ import annotations

import random

from PIL import Image

import lookalike
from benchmarks.altered_copies.alterations import ALTERATIONS
from benchmarks.harness import Bench, evenly
from benchmarks.photos import all_photos
from benchmarks.rows import measured
from lookalike.evaluation.measures import Success, evaluate, means
from lookalike.images.files import content_id

QUESTION = "Does an altered copy of a photo find its original first, among all grocery and Caltech photos?"
COPIES = 500
TARGETS = {
    "JPEG of quality 30": ">= 0.95",
    "quarter of the size (half of each side)": ">= 0.95",
    "sixteenth of the size (quarter of each side)": ">= 0.95",
}
MEASURES = (Success(1), Success(10))


def measure(bench: Bench) -> None:
    photos = all_photos(bench)
    asked = evenly(photos, bench.size(COPIES))
    with lookalike.open(bench.own / "photos.lookalike", threads=2) as collection:
        collection.index(*photos)
        for name, alter in ALTERATIONS.items():
            bench.tick()
            chance = random.Random(name)
            answers, relevant = {}, {}
            for path in asked:
                with Image.open(path) as picture:
                    altered = alter(picture.convert("RGB"), chance)
                answers[path] = [hit.id for hit in collection.search(altered, k=10)]
                relevant[path] = {content_id(path.read_bytes())}
            success = means(evaluate(answers, relevant, MEASURES))
            note = f"{len(asked)} copies among {len(collection):,} photos, default settings"
            bench.add(
                measured(f"{name}: Success@1", success["Success@1"], "", target=TARGETS.get(name), note=note),
                measured(f"{name}: Success@10", success["Success@10"], ""),
            )
