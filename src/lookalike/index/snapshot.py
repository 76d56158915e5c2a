"""Snapshots: an index on disk, immutable, hashed before it is believed, replaced by an atomic rename.

    snapshots/
      LOCK                     taken by who writes
      CURRENT                  one line: "<folder> <SHA-256 of its manifest.json>"
      000000012345-1a2b3c4d/
        manifest.json          what `Manifest` holds
        keys.npy …             the index's own files, named in the manifest with their SHA-256
        projection.npz         mean and components, where the collection has a projection

Every file is hashed and only then understood, so that a damaged one is noticed and never used. Large ones are mapped
into memory afterwards. Not promised: that another version of Lookalike can read it. A snapshot that cannot be used
costs the time of a rebuild.
See `docs/reference/snapshot-format.md`.
"""

from __future__ import annotations

import hashlib
import io
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.core.errors import SnapshotDamaged, StorageFailed
from lookalike.core.records import Cursor, Json
from lookalike.index.base import Engines, LocalIndex, SaveTo
from lookalike.index.manifest import VERSION, Manifest, manifest_bytes, read_manifest
from lookalike.index.projection import Projection
from lookalike.storage.lock import file_lock
from lookalike.storage.private import FOLDER, keep_private, make_private
from lookalike.storage.syncing import sync
from lookalike.storage.whole_file import write_durably

_LOCK = "LOCK"
_CURRENT = "CURRENT"
_MANIFEST = "manifest.json"
_PROJECTION = "projection.npz"
_NAME = re.compile(r"[0-9]{12,20}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A snapshot that was read and found whole."""

    manifest: Manifest
    index: LocalIndex
    projection: Projection | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenIndex:
    """An index as it was at one moment.

    Attributes:
        engine, recall, parameters, count, dimension: what it was.
        save: writes it, once; see `LocalIndex.freeze`.
    """

    engine: str
    recall: float
    parameters: dict[str, Json]
    count: int
    dimension: int
    save: SaveTo


def freeze(index: LocalIndex) -> FrozenIndex:
    """An index as it is at this moment. Nobody may change it until this returns; see `LocalIndex.freeze`."""
    return FrozenIndex(
        engine=index.engine,
        recall=index.recall,
        parameters=index.parameters,
        count=len(index),
        dimension=index.dimension,
        save=index.freeze(),
    )


def write_snapshot(
    folder: Path,
    index: FrozenIndex,
    projection: Projection | None,
    *,
    model_id: str,
    cursor: Cursor,
    projected: str,
    projection_version: int = 0,
    wanted: str = "auto",
    nearness: dict[str, float] | None = None,
) -> Manifest:
    """Write a snapshot and make it the current one; older ones are deleted afterwards.

    Durable when it returns. Safe against being killed at any moment: the current snapshot is whole, old or new. Who
    writes meanwhile in another thread or process is waited for.

    Raises:
        StorageFailed: when the disk is full or fails; the current snapshot stays (or, where only the last sync failed,
            is the new one).
    """
    name = f"{index.count:012d}-{secrets.token_hex(4)}"
    with _storing(folder), alone(folder):
        with _removed_on_failure(folder / name):
            files = _write_files(folder / name, index, projection)
            manifest = Manifest(
                version=VERSION,
                engine=index.engine,
                model_id=model_id,
                cursor=cursor,
                count=index.count,
                dimension=index.dimension,
                learnt_from=projection.learnt_from if projection else 0,
                projected=projected,
                projection_version=projection_version,
                recall=index.recall,
                wanted=wanted,
                parameters=index.parameters,
                files={file: _hash_and_sync(folder / name / file) for file in files},
                nearness=nearness,
            )
            (folder / name / _MANIFEST).write_bytes(manifest_bytes(manifest))
            pointer = _write_pointer(folder, name)
            pointer.replace(folder / _CURRENT)  # from here on the new one is the current one
        sync(folder)
        _sweep(folder, keep=name)
    return manifest


def read_snapshot(folder: Path, engines: Engines, *, check: Callable[[Manifest], None] | None = None) -> Snapshot:
    """Read the current snapshot.

    Args:
        folder: where snapshots lie.
        engines: that read the index.
        check: raises SnapshotDamaged where the manifest does not fit (`model_id`, `cursor`, `wanted`), which spares the
            reading of what is large; None leaves that to the caller.
    Raises:
        SnapshotDamaged: when there is none, or anything about it is not as it was written.
    """
    current = _current(folder)
    while True:
        try:
            return _read(folder, engines, *current, check)
        except SnapshotDamaged:
            before, current = current, _current(folder)
            if current == before:  # otherwise a writer has just replaced the one that was being read
                raise


def discard_snapshots(folder: Path) -> None:
    """Delete all snapshots; the next opening makes a new one from the catalog. Idempotent.

    Raises:
        StorageFailed: when the disk does not let it.
    """
    if not folder.exists():
        return
    with _storing(folder), alone(folder):
        (folder / _CURRENT).unlink(missing_ok=True)
        _sweep(folder, keep="")


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"the index could not be saved in {folder}: {error.strerror or error}"
            "; make room there, or repair its permissions"
        ) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One writes at a time, or one would sweep away what another is writing; re-entrant in one thread.

    Raises:
        DeadlineExceeded: when another writes until this thread's work is to end.
        StorageFailed: when the disk does not let it.
    """
    with ExitStack() as stack:
        with _storing(folder):
            make_private(folder, within=folder.parent)
            keep_private(folder / _LOCK)
            stack.enter_context(file_lock(folder / _LOCK).holding(wait_s=None))
        yield


@contextmanager
def _removed_on_failure(place: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _write_files(place: Path, index: FrozenIndex, projection: Projection | None) -> list[str]:
    """Write all but the manifest; their names."""
    place.mkdir(mode=FOLDER)
    files = index.save(place)
    if projection is not None:
        with (place / _PROJECTION).open("wb") as file:
            file.write(_projection_bytes(projection))
        files.append(_PROJECTION)
    return files


def _current(folder: Path) -> tuple[str, str]:
    with _translating(folder):
        name, manifest_hash = (folder / _CURRENT).read_text("ascii").split()
        if not _NAME.fullmatch(name):
            raise SnapshotDamaged(f"{folder / _CURRENT}: expected the name of a snapshot, got {name[:80]!r}")
        return name, manifest_hash


def _read(
    folder: Path, engines: Engines, name: str, manifest_hash: str, check: Callable[[Manifest], None] | None
) -> Snapshot:
    with _translating(folder):
        place = folder / name
        manifest = read_manifest(_check(place / _MANIFEST, manifest_hash))
        if check is not None:
            check(manifest)
        check_hashes(place, manifest.files)
        index = engines.load(manifest.engine, place)
        return Snapshot(manifest, index, _projection(place, manifest))


@contextmanager
def _translating(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SnapshotDamaged(f"{error.filename} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise SnapshotDamaged(f"the snapshot in {folder} cannot be read: {error}") from error


def check_hashes(place: Path, files: dict[str, str]) -> None:
    """Read all files and compare; hashing is what opening a large snapshot takes, so two are read at a time.

    Raises:
        SnapshotDamaged: when one is not as it was written.
        OSError: when one cannot be read.
    """
    largest_first = sorted(files, key=lambda name: (place / name).stat().st_size, reverse=True)
    with ThreadPoolExecutor(2) as pool:
        for name, found in zip(largest_first, pool.map(lambda name: _hash(place / name), largest_first), strict=True):
            _check_hash(place / name, files[name], found)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_and_sync(path: Path) -> str:
    digest = _hash(path)
    sync(path)
    keep_private(path)
    return digest


def _check_hash(path: Path, expected: str, found: str) -> None:
    if found != expected:
        raise SnapshotDamaged(f"{path}: expected SHA-256 {expected[:12]}…, got {found[:12]}…")


def _write_pointer(folder: Path, name: str) -> Path:
    digest = _hash_and_sync(folder / name / _MANIFEST)
    sync(folder / name)
    pointer = folder / name / _CURRENT  # in there, so that it goes with the snapshot when that comes to nothing
    write_durably(pointer, f"{name} {digest}\n".encode("ascii"))
    return pointer


def _sweep(folder: Path, *, keep: str) -> None:
    """Delete the snapshots that are not current: best effort, for who is just reading one simply tries again."""
    with suppress(OSError):
        for entry in list(folder.iterdir()):
            if _NAME.fullmatch(entry.name) and entry.name != keep:
                shutil.rmtree(entry, ignore_errors=True)


def _check(path: Path, digest: str) -> bytes:
    content = path.read_bytes()
    _check_hash(path, digest, hashlib.sha256(content).hexdigest())
    return content


def _projection_bytes(projection: Projection) -> bytes:
    content = io.BytesIO()
    np.savez(content, mean=projection.mean, components=projection.components)
    return content.getvalue()


def _projection(place: Path, manifest: Manifest) -> Projection | None:
    if _PROJECTION not in manifest.files:
        return None
    with np.load(place / _PROJECTION, allow_pickle=False) as arrays:
        return Projection(arrays["mean"], arrays["components"], learnt_from=manifest.learnt_from)
