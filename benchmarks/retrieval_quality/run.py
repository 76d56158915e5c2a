"""How good answers are: every labelled photo asks for the others of its label. About four minutes."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import lookalike
from benchmarks.harness import Bench, CannotRun, evenly
from benchmarks.photos import PHOTOS, Photo, photo_set
from benchmarks.retrieval_quality.variants import ablations
from benchmarks.rows import could_not_run, measured, quartiles
from lookalike.core.vectors import Vectors
from lookalike.embedding.base import Embedder
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.evaluation.leave_one_out import leave_one_out
from lookalike.evaluation.measures import AP
from lookalike.images.decode import decode
from lookalike.images.files import content_id
from lookalike.models.store import default_model

QUESTION = "How good are answers: leave-one-out mean average precision, against raw float32 vectors by brute force?"
THREADS = 2
CIFAR = 4000
TARGET = ">= 2 points"


def measure(bench: Bench) -> None:
    fp32 = OnnxEmbedder(default_model("fp32", cache_dir=bench.own / "cache"))
    grocery = photo_set("grocery")
    sets = {
        "Caltech": photo_set("caltech"),
        "grocery (train and val)": [photo for photo in grocery if photo.split in ("train", "val")],
        "grocery (train)": [photo for photo in grocery if photo.split == "train"],
        "grocery (val)": [photo for photo in grocery if photo.split == "val"],
    }
    known: dict[str, Vectors] = {}  # float32 vectors by content, for sets that share photos
    for name, photos in sets.items():
        _compare(bench, name, evenly(photos, bench.size(len(photos))), fp32, known, target=TARGET)
    try:
        thumbnails = _cifar(bench)
    except CannotRun as missing:
        bench.add(could_not_run("CIFAR-10", str(missing)))
        return
    _compare(bench, f"CIFAR-10 ({len(thumbnails):,} thumbnails)", thumbnails, fp32, known, target=None)


def _compare(
    bench: Bench,
    name: str,
    photos: Sequence[Photo],
    fp32: Embedder,
    known: dict[str, Vectors],
    *,
    target: str | None,
) -> None:
    bench.tick()
    ids = _by_content(photos)
    order, int8, searched = _through_the_product(bench, name, [photo.path for photo in photos])
    labels = [ids[image_id].label for image_id in order]
    raw = _embedded([ids[image_id].path for image_id in order], order, fp32, known)
    baseline, default = _precisions(raw, labels), _precisions(searched, labels)
    gain = [100 * (ours - theirs) for ours, theirs in zip(default, baseline, strict=True)]
    note = f"{len(order):,} photos of {len(set(labels))} labels, default settings: int8 and projection"
    bench.add(
        measured(f"{name}: mAP", 100 * _mean(default), "points", note=note),
        measured(f"{name}: mAP of float32, raw, by brute force", 100 * _mean(baseline), "points"),
        measured(
            f"{name}: gain of the default over float32, raw",
            _mean(gain),
            "points",
            spread=quartiles(gain),
            target=target,
            note="the quartiles are those of single queries",
        ),
    )
    for variant in ablations(int8, raw):
        precision = 100 * _mean(_precisions(variant.vectors, labels))
        bench.add(measured(f"{name}: mAP of {variant.name}", precision, "points"))


def _by_content(photos: Sequence[Photo]) -> dict[str, Photo]:
    """By id of the picture; of byte-identical photos the first counts."""
    found: dict[str, Photo] = {}
    for photo in photos:
        found.setdefault(content_id(photo.path.read_bytes()), photo)
    return found


def _through_the_product(bench: Bench, name: str, paths: Sequence[Path]) -> tuple[list[str], Vectors, Vectors]:
    """Index with default settings; gives ids, raw vectors and those that are searched, row by row."""
    with lookalike.open(bench.own / f"{name}.lookalike", threads=THREADS) as collection:
        report = collection.index(*paths)
        if report.failed:
            raise RuntimeError(f"expected all photos to be taken in, got {report.failed[0]}")
        parts = collection._parts  # what a search compares is shown by nothing public
        keys, searched = parts.view.vectors_searched()
        ids = parts.catalog.ids(keys.tolist())
        raw = np.concatenate([stored.vectors.astype(np.float32) for stored in parts.catalog.all_vectors()])
        return [ids[key] for key in keys.tolist()], raw, searched


def _embedded(paths: Sequence[Path], ids: Sequence[str], embedder: Embedder, known: dict[str, Vectors]) -> Vectors:
    """Raw vectors, those that are known taken from there."""
    new = [(image_id, path) for image_id, path in zip(ids, paths, strict=True) if image_id not in known]
    with ThreadPoolExecutor(THREADS) as pool:
        vectors = pool.map(lambda one: embedder.embed([decode(one[1].read_bytes()).pixels])[0], new)
        known.update(zip((image_id for image_id, _ in new), vectors, strict=True))
    return np.stack([known[image_id] for image_id in ids])


def _precisions(vectors: Vectors, labels: Sequence[str]) -> list[float]:
    """Average precision of each query."""
    return [row.values["AP"] for row in leave_one_out(vectors, labels, [AP()]).rows]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _cifar(bench: Bench) -> list[Photo]:
    """Some thumbnails of each class, unpacked."""
    archive = PHOTOS / "cifar10_50k.tar.gz"
    if not archive.is_file():
        raise CannotRun("needs ../shared/photos/cifar10_50k.tar.gz")
    folder = bench.folder("cifar")
    return list(_unpacked(archive, folder, each=max(1, bench.size(CIFAR) // 10)))


def _unpacked(archive: Path, folder: Path, *, each: int) -> Iterator[Photo]:
    taken: dict[str, int] = {}
    with tarfile.open(archive) as entries:
        for entry in entries:
            label = entry.name.split("/")[0]
            if entry.isfile() and taken.get(label, 0) < each:
                taken[label] = taken.get(label, 0) + 1
                entries.extract(entry, folder, filter="data")
                yield Photo(folder / entry.name, label, "")
