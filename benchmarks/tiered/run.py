"""The base answer always, a finer look only where it is not sure: what that saves and costs. About ten minutes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.harness import Bench, evenly
from benchmarks.photos import Photo, photo_set
from benchmarks.rows import measured, median, quartiles
from benchmarks.tiered.answers import Answers, answers, halved
from benchmarks.vectors import cache, projection_of
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.base import Embedder
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.evaluation.leave_one_out import leave_one_out
from lookalike.evaluation.measures import AP
from lookalike.images.decode import decode
from lookalike.models.own import OwnModel
from lookalike.models.store import MODEL_IDS, default_model
from lookalike.search.sureness import MARGIN

QUESTION = "What is saved, and what is lost, when a finer model is asked only where the first answer is not sure?"
THREADS = 2
ROUNDS, PICTURES = 9, 12
SAVED, LOST, GAINED = ">= 60 %", "<= 1 points", ">= 2 points"
CURVE = (0.06, 0.09, 0.12, 0.15, 0.2, 0.25, 0.3)


def measure(bench: Bench) -> None:
    sets = {name: evenly(photo_set(name), bench.size(10**9)) for name in ("caltech", "grocery")}
    photos = [photo for name in sets for photo in sets[name]]
    labels = [f"{name}/{photo.label}" for name in sets for photo in sets[name]]
    vectors = {name: _embedded(bench, photos, name) for name in MODEL_IDS}
    parts = {"Caltech": slice(0, len(sets["caltech"])), "grocery": slice(len(sets["caltech"]), None)}
    for name, part in parts.items():
        _add_models(bench, name, {model: rows[part] for model, rows in vectors.items()}, labels[part])
    _add_times(bench, photos)
    asked = {
        name: answers(halved(vectors["int8"][part]), halved(vectors["fine"][part]), labels[part])
        for name, part in {**parts, "both in one collection": slice(None)}.items()
    }
    for name, of_set in asked.items():
        bench.tick()
        _add_tiered(bench, name, of_set)
    _add_held_out(bench, asked)
    for name, of_set in asked.items():
        _add_curve(bench, name, of_set)


def _embedded(bench: Bench, photos: Sequence[Photo], name: OwnModel) -> Vectors:
    """Raw vectors of all photos, kept for the next run."""
    bench.tick()
    model = default_model(name, cache_dir=cache())
    path = cache() / f"photos-{model.id[:12]}-{len(photos)}.npy"
    if not path.exists():
        embedder = OnnxEmbedder(model)
        with ThreadPoolExecutor(THREADS) as pool:
            rows = list(pool.map(lambda photo: embedder.embed([_pixels(photo, embedder)])[0], photos))
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, np.stack(rows))
        part.replace(path)
    kept: Vectors = np.load(path)
    return kept


def _pixels(photo: Photo, embedder: Embedder) -> Pixels:
    return decode(photo.path.read_bytes(), min_side=embedder.card.input_side).pixels


def _add_models(bench: Bench, name: str, vectors: dict[OwnModel, Vectors], labels: Sequence[str]) -> None:
    """How good each model is alone."""
    bench.tick()
    raw = {model: _map(rows, labels) for model, rows in vectors.items()}
    searched = {model: _map(projection_of(rows).apply(rows), labels) for model, rows in vectors.items()}
    for model in vectors:
        note = f"{len(labels):,} photos of {len(set(labels))} labels" if model == "int8" else None
        bench.add(
            measured(f"{name}: mAP of {model}, raw", raw[model], "points", note=note),
            measured(f"{name}: mAP of {model}, projected", searched[model], "points"),
        )
    bench.add(measured(f"{name}: gain of fine over int8, raw", raw["fine"] - raw["int8"], "points", target=GAINED))
    gain = searched["fine"] - searched["int8"]
    bench.add(measured(f"{name}: gain of fine over int8, projected", gain, "points"))


def _map(vectors: Vectors, labels: Sequence[str]) -> float:
    return 100 * leave_one_out(vectors, labels, [AP()]).means["AP"]


def _add_times(bench: Bench, photos: Sequence[Photo]) -> None:
    """What a picture costs each model, decoding left out: time of the processor, which other programs do not change."""
    embedders = {name: OnnxEmbedder(default_model(name, cache_dir=cache())) for name in MODEL_IDS}
    pictures = {
        name: [_pixels(photo, embedder) for photo in evenly(photos, bench.size(PICTURES))]
        for name, embedder in embedders.items()
    }
    times: dict[str, list[float]] = {name: [] for name in embedders}
    for _ in range(ROUNDS):
        bench.tick()
        for name, embedder in embedders.items():
            started = time.thread_time()  # an embedder computes on the thread that calls it
            embedder.embed(pictures[name])
            times[name].append(1000 * (time.thread_time() - started) / len(pictures[name]))
    for model, of_model in times.items():
        bench.add(measured(f"a picture by {model}, processor time", median(of_model), "ms", spread=quartiles(of_model)))


def _add_tiered(bench: Bench, name: str, of_set: Answers) -> None:
    """With the margin that the product has."""
    tiered = 100 * float(np.mean(of_set.finer)) - of_set.lost(MARGIN)
    note = (
        f"margin {MARGIN}, with which both sets in one collection save 60 %; margins chosen on other queries are below"
    )
    bench.add(
        measured(f"{name}: mAP of the first answer", 100 * float(np.mean(of_set.base)), "points"),
        measured(
            f"{name}: mAP with a finer look at the best 100, always", 100 * float(np.mean(of_set.finer)), "points"
        ),
        measured(f"{name}: mAP with a finer look where not sure", tiered, "points"),
        measured(f"{name}: finer looks saved", of_set.saved(MARGIN), "%", target=SAVED, note=note),
        measured(
            f"{name}: lost against always",
            of_set.lost(MARGIN),
            "points",
            peer="as many spared by lot",
            peer_value=of_set.lost_at_random(MARGIN),
            target=LOST,
        ),
    )


def _add_held_out(bench: Bench, asked: dict[str, Answers]) -> None:
    """The margin chosen on some queries, its saving and its loss told of others."""
    pairs = [("Caltech", asked["Caltech"], "grocery", asked["grocery"])]
    pairs.append(("grocery", asked["grocery"], "Caltech", asked["Caltech"]))
    halves = [
        (f"half of {name}", one.half(odd=False), "the other half", one.half(odd=True)) for name, one in asked.items()
    ]
    for chosen_on, choosing, told_of, others in [*pairs, *halves]:
        margin = choosing.margin_that_loses(1)
        where = f"margin chosen on {chosen_on}, {told_of}"
        note = f"{margin:.2f}, the smallest that loses at most one point where it was chosen"
        bench.add(
            measured(f"{where}: finer looks saved", others.saved(margin), "%", target=SAVED, note=note),
            measured(f"{where}: lost against always", others.lost(margin), "points", target=LOST),
        )


def _add_curve(bench: Bench, name: str, of_set: Answers) -> None:
    for margin in CURVE:
        bench.add(
            measured(f"{name}, margin {margin:.2f}: finer looks saved", of_set.saved(margin), "%"),
            measured(f"{name}, margin {margin:.2f}: lost against always", of_set.lost(margin), "points"),
        )
