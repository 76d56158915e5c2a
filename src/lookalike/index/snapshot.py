"""Snapshots: an index on disk, immutable, hashed before it is believed, replaced by an atomic rename.

    snapshots/
      CURRENT                  one line: "<folder> <SHA-256 of its manifest.json>"
      000000012345-1a2b3c4d/
        manifest.json          what `Manifest` holds
        keys.npy vectors.npy   the index's own files, named in the manifest with their SHA-256
        projection.npz         mean and components, where the collection has a projection

Every file is read once, hashed, and only then understood, so that a damaged one is noticed and never used. Not
promised: that another version of Lookalike can read it. A snapshot that cannot be used costs the time of a rebuild.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import SnapshotDamaged, StorageFailed
from lookalike.index.exact import ExactIndex
from lookalike.index.projection import Projection

VERSION = 1
_CURRENT = "CURRENT"
_MANIFEST = "manifest.json"
_PROJECTION = "projection.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot says of itself.

    Attributes:
        version: of the snapshot format.
        engine: of the index.
        model_id: whose vectors it holds.
        seq: it has applied all changes of the catalog up to this number.
        count: how many vectors it holds.
        dimension: of the vectors in the index (after the projection).
        learnt_from: how many vectors the projection was learnt from; 0 where there is none.
        projected: whether a projection was wanted ("auto") or switched off ("off").
        recall: recall@10 measured when it was made; 1.0 for an exact index.
        files: SHA-256 of each file, by name.
    """

    version: int
    engine: str
    model_id: str
    seq: int
    count: int
    dimension: int
    learnt_from: int
    projected: str
    recall: float
    files: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A snapshot that was read and found whole."""

    manifest: Manifest
    index: ExactIndex
    projection: Projection | None


def write_snapshot(
    folder: Path, index: ExactIndex, projection: Projection | None, *, model_id: str, seq: int, projected: str
) -> Manifest:
    """Write a snapshot and make it the current one; older ones are deleted afterwards.

    Durable when it returns. Safe against being killed at any moment: the current snapshot is whole, old or new.

    Raises:
        StorageFailed: when the disk is full or fails; the current snapshot stays.
    """
    name = f"{seq:012d}-{secrets.token_hex(4)}"
    place = folder / name
    try:
        place.mkdir(parents=True)
        files = index.save(place)
        if projection is not None:
            np.savez(place / _PROJECTION, mean=projection.mean, components=projection.components)
            files.append(_PROJECTION)
        manifest = Manifest(
            version=VERSION,
            engine=index.engine,
            model_id=model_id,
            seq=seq,
            count=len(index),
            dimension=index.dimension,
            learnt_from=projection.learnt_from if projection else 0,
            projected=projected,
            recall=1.0,
            files={file: _hash_and_sync(place / file) for file in files},
        )
        (place / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1))
        _point_at(folder, name, _hash_and_sync(place / _MANIFEST))
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise StorageFailed(f"the index could not be saved in {folder}: {error.strerror or error}") from error
    _sweep(folder, keep=name)
    return manifest


def read_snapshot(folder: Path) -> Snapshot:
    """Read the current snapshot.

    Raises:
        SnapshotDamaged: when there is none, or anything about it is not as it was written. Whether it belongs to the
            catalog (`model_id`, `seq`) is the caller's to check.
    """
    current = _current(folder)
    while True:
        try:
            return _read(folder, *current)
        except SnapshotDamaged:
            before, current = current, _current(folder)
            if current == before:  # otherwise a writer has just replaced the one that was being read
                raise


def discard_snapshots(folder: Path) -> None:
    """Delete all snapshots; the next opening makes a new one from the catalog. Idempotent."""
    with suppress(FileNotFoundError):
        (folder / _CURRENT).unlink()
    _sweep(folder, keep="")


def _current(folder: Path) -> tuple[str, str]:
    with _translating(folder):
        name, manifest_hash = (folder / _CURRENT).read_text("ascii").split()
        return _plain(name), manifest_hash


def _read(folder: Path, name: str, manifest_hash: str) -> Snapshot:
    with _translating(folder):
        manifest = _manifest(_checked(folder / name / _MANIFEST, manifest_hash))
        content = {file: _checked(folder / name / _plain(file), digest) for file, digest in manifest.files.items()}
        index = ExactIndex.from_arrays(_array(content["keys.npy"]), _array(content["vectors.npy"]))
        return Snapshot(manifest, index, _projection(content.get(_PROJECTION), manifest))


@contextmanager
def _translating(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SnapshotDamaged(f"{error.filename} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise SnapshotDamaged(f"the snapshot in {folder} cannot be read: {error}") from error


def _hash_and_sync(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest


def _point_at(folder: Path, name: str, manifest_hash: str) -> None:
    _sync_folder(folder / name)
    part = folder / f"{_CURRENT}.{name}.part"
    with part.open("w", encoding="ascii") as file:
        file.write(f"{name} {manifest_hash}\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / _CURRENT)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path, *, keep: str) -> None:
    """Delete what is not current: best effort, for a reader may just be opening it and then simply tries again."""
    with suppress(OSError):
        for entry in list(folder.iterdir()):
            if entry.is_dir() and entry.name != keep:
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name.endswith(".part"):
                entry.unlink(missing_ok=True)


def _plain(name: str) -> str:
    if not name or "/" in name or "\\" in name or name.startswith("."):
        raise SnapshotDamaged(f"expected the plain name of a file, got {name!r}")
    return name


def _checked(path: Path, digest: str) -> bytes:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise SnapshotDamaged(f"{path}: expected SHA-256 {digest[:12]}…, got {found[:12]}…")
    return content


def _manifest(content: bytes) -> Manifest:
    manifest = Manifest(**json.loads(content))
    if manifest.version != VERSION or manifest.engine != ExactIndex.engine:
        raise SnapshotDamaged(
            f"expected snapshot version {VERSION} of engine {ExactIndex.engine}, "
            f"got version {manifest.version} of engine {manifest.engine}"
        )
    return manifest


def _array(content: bytes) -> NDArray[np.generic]:
    array: NDArray[np.generic] = np.load(io.BytesIO(content), allow_pickle=False)
    return array


def _projection(content: bytes | None, manifest: Manifest) -> Projection | None:
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Projection(arrays["mean"], arrays["components"], learnt_from=manifest.learnt_from)
