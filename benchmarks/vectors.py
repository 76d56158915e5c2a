"""The vectors that searches are measured on: those of all photos beside the project, and many more grown from them.

They are made once and kept in the folder that `LOOKALIKE_BENCHMARK_CACHE` names, by default one in the user's cache.

Growing is hard on purpose: a vector is moved towards one of its ten nearest neighbours by a random share of the way,
and noise of 0.7 of that way's length is added, which has the covariance of the data. So neighbourhoods have the shape
that real ones have and are filled up between their members.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import platformdirs
from numpy.lib.format import open_memmap

from benchmarks.harness import CannotRun
from benchmarks.photos import PHOTOS, photo_set
from lookalike.core.vectors import Vectors, normalise
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.images.decode import decode
from lookalike.index.projection import Projection, learn
from lookalike.models.store import default_model

NEIGHBOURS = 10
NOISE = 0.7
AT_ONCE = 20_000
QUERIES = 10_000


class Searched(NamedTuple):
    """Projected vectors, as an index holds them.

    Attributes:
        base: shape (N, 128), float32, of length 1; a memory map.
        queries: shape (10000, 128), float32, grown likewise and not among the base.
    """

    base: Vectors
    queries: Vectors


def cache() -> Path:
    """Where vectors are kept."""
    named = os.environ.get("LOOKALIKE_BENCHMARK_CACHE")
    folder = Path(named) if named else platformdirs.user_cache_path("lookalike-benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def raw_embeddings() -> Vectors:
    """The raw vectors of all photos, by the model that comes with the install.

    Returns:
        shape (56865, 1280) or so, float32, rows of length 1; Caltech first, then grocery, then CIFAR-10.
    Raises:
        CannotRun: when the photos are not on this machine.
    """
    path = cache() / "raw.npy"
    if not path.exists():
        embedder = OnnxEmbedder(default_model("int8", cache_dir=cache()))
        with ThreadPoolExecutor(2) as pool:
            vectors = list(pool.map(lambda data: embedder.embed([decode(data, min_side=224).pixels])[0], _pictures()))
        _keep(path, np.stack(vectors))
    kept: Vectors = np.load(path)
    return kept


def grown_raw(count: int, *, seed: int = 0) -> Vectors:
    """Raw vectors, the real ones first and then grown ones: shape (count, 1280), float32, rows of length 1."""
    real = raw_embeddings()
    if count <= len(real):
        return real[:count]
    grown = [rows for rows, _ in _grown(real, count - len(real), seed=seed)]
    return np.concatenate([real, *grown])


def searched(count: int) -> Searched:
    """Projected vectors: the real ones, shuffled among grown ones, and queries that were held out."""
    base_path, query_path = cache() / f"searched-{count}.npy", cache() / f"queries-{count}.npy"
    if not query_path.exists():
        real = raw_embeddings()
        projection = projection_of(real)
        part = base_path.with_suffix(".part")
        base = open_memmap(part, mode="w+", dtype=np.float32, shape=(count, projection.dimension))
        order = np.random.default_rng(7).permutation(count)
        base[order[: min(count, len(real))]] = projection.apply(real)[:count]
        for rows, start in _grown(real, max(0, count - len(real)), seed=count):
            places = order[len(real) + start : len(real) + start + len(rows)]
            base[places] = projection.apply(rows)
        base.flush()
        part.replace(base_path)
        _keep(query_path, np.concatenate([projection.apply(rows) for rows, _ in _grown(real, QUERIES, seed=count + 1)]))
    return Searched(np.load(base_path, mmap_mode="r"), np.load(query_path))


def projection_of(raw: Vectors) -> Projection:
    """What a collection of these would learn."""
    projection = learn(iter([raw]), count=len(raw))
    if projection is None:
        raise CannotRun("needs more vectors than there are to learn a projection from")
    return projection


def _grown(real: Vectors, count: int, *, seed: int) -> Iterator[tuple[Vectors, int]]:
    """Grown vectors in batches, each with the number of its first."""
    neighbours = _neighbours(real)
    centred = real - real.mean(axis=0)
    covariance = centred.T @ centred / len(real)
    # noise of covariance C and expected squared length 1: z @ L with L' L = C / trace(C)
    shape = np.linalg.cholesky(covariance / np.trace(covariance) + 1e-9 * np.eye(len(covariance))).T.astype(np.float32)
    rng = np.random.default_rng(seed)
    for start in range(0, count, AT_ONCE):
        n = min(AT_ONCE, count - start)
        from_rows = rng.integers(0, len(real), n)
        way = real[neighbours[from_rows, rng.integers(0, NEIGHBOURS, n)]] - real[from_rows]
        noise = rng.standard_normal((n, real.shape[1]), dtype=np.float32) @ shape
        lengths = np.linalg.norm(way, axis=1, keepdims=True)
        share = rng.random((n, 1), dtype=np.float32)
        yield normalise(real[from_rows] + share * way + NOISE * lengths * noise), start


def _neighbours(real: Vectors) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """The ten nearest others of each: shape (N, 10)."""
    path = cache() / f"neighbours-{len(real)}.npy"
    if not path.exists():
        found = np.empty((len(real), NEIGHBOURS), np.int32)
        for start in range(0, len(real), 1000):
            similarities = real[start : start + 1000] @ real.T
            rows = np.arange(len(similarities))
            similarities[rows, start + rows] = -np.inf
            nearest = np.argpartition(-similarities, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
            found[start : start + len(rows)] = nearest
        _keep(path, found)
    kept: np.ndarray[tuple[int, ...], np.dtype[np.int32]] = np.load(path)
    return kept


def _pictures() -> Iterator[bytes]:
    """The bytes of all photos."""
    for name in ("caltech", "grocery"):
        for photo in photo_set(name):
            yield photo.path.read_bytes()
    archive = PHOTOS / "cifar10_50k.tar.gz"
    if not archive.is_file():
        raise CannotRun("needs ../shared/photos/cifar10_50k.tar.gz")
    with tarfile.open(archive) as entries:
        for entry in entries:
            file = entries.extractfile(entry)
            if file is not None:
                yield file.read()


def _keep(path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    """Write whole, or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)
