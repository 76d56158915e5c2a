"""What is read from the tables: each function is one statement, so that it sees one state."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from lookalike.catalog.base import KeptPicture, StoredVectors
from lookalike.catalog.postgres.filters import Sql
from lookalike.core.errors import CatalogDamaged
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.vectors import Keys
from lookalike.storage.postgres.session import Session

Name = TypeVar("Name")
T = TypeVar("T")

_IMAGE = "i.id, i.width, i.height, i.format, i.size_bytes, i.taken_at, i.camera, i.metadata, i.provisional"
_FILE = "f.path, i.id, f.size_bytes, f.mtime_ns"
_REFUSED = "path, size_bytes, mtime_ns, code, reason"
_THERE = "NOT i.removed AND i.id = ANY(%s::text[])"
_BY_KEY = "NOT i.removed AND i.key = ANY(%s::bigint[])"
_AT_OR_BETWEEN = "path = %s OR path > %s AND path < %s"
_COUNT_FILES = f"""
    SELECT (SELECT count(*) FROM ours.files WHERE {_AT_OR_BETWEEN})
         + (SELECT count(*) FROM ours.refused WHERE {_AT_OR_BETWEEN})"""
_PICTURES = f"""
    SELECT i.key, {_IMAGE}, f.path, f.size_bytes, f.mtime_ns
    FROM ours.images i LEFT JOIN ours.files f ON f.key = i.key WHERE {_BY_KEY}"""
EVERY_PATH = b"", b"\xff" * 8
"""From where on and before what all paths lie: no text of ours has a byte of 255 eight times over."""


def possible_ids(ids: Iterable[str]) -> list[str]:
    """Those that can be the id of something: the server refuses to look for what it cannot hold."""
    return [one for one in ids if one.isascii() and "\0" not in one]


def possible_keys(keys: Iterable[int]) -> list[int]:
    """Those that can be the key of something."""
    return [key for key in keys if 0 < key < 2**63]


def select(session: Session, statement: Sql) -> Keys:
    """The keys that a filter selects: shape (M,), int64, ascending, read-only."""
    (joined,) = session.one(statement.text, statement.values, binary=True)
    keys = np.frombuffer(joined, ">i8").astype(np.int64)
    keys.flags.writeable = False
    return keys


def count(session: Session, statement: Sql) -> int:
    """What a counting statement counts."""
    return int(session.one(statement.text, statement.values)[0])


def images(session: Session, ids: Sequence[str]) -> dict[str, ImageRecord]:
    """Pictures by id."""
    rows = session.rows(f"SELECT {_IMAGE} FROM ours.images i WHERE {_THERE}", (possible_ids(ids),))
    return _as_asked(ids, {row[0]: _image(row) for row in rows})


def images_after(session: Session, key: int, limit: int) -> list[tuple[int, ImageRecord]]:
    """Pictures with their keys, from behind `key` on."""
    rows = session.rows(
        f"SELECT i.key, {_IMAGE} FROM ours.images i WHERE NOT i.removed AND i.key > %s ORDER BY i.key LIMIT %s",
        (key, limit),
    )
    return [(row[0], _image(row[1:])) for row in rows]


def ids_of(session: Session, keys: Sequence[int]) -> dict[int, str]:
    """Ids by key."""
    rows = session.rows(f"SELECT i.key, i.id FROM ours.images i WHERE {_BY_KEY}", (possible_keys(keys),))
    return _as_asked(keys, {row[0]: row[1] for row in rows})


def keys_of(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Keys by id."""
    rows = session.rows(f"SELECT i.id, i.key FROM ours.images i WHERE {_THERE}", (possible_ids(ids),))
    return _as_asked(ids, {row[0]: row[1] for row in rows})


def stamps_of(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """The places of the last changes by id, as words."""
    rows = session.rows(f"SELECT i.id, i.xid::text, i.seq FROM ours.images i WHERE {_THERE}", (possible_ids(ids),))
    return _as_asked(ids, {image_id: f"{xid}.{seq}" for image_id, xid, seq in rows})


def ids_with_prefix(session: Session, prefix: str, limit: int, *, table: str) -> list[str]:
    """Ids that begin with hexadecimal digits, sorted, of `images` or `forgotten`."""
    there = "NOT removed AND " if table == "images" else ""
    rows = session.rows(
        f"SELECT id FROM ours.{table} WHERE {there}id >= %s AND id < %s ORDER BY id LIMIT %s",
        (prefix, prefix + "g", limit),
    )
    return [row[0] for row in rows]


def files_of(session: Session, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
    """Files by id, sorted by path; an empty list for a picture without one."""
    rows = session.rows(
        f"SELECT i.id, {_FILE} FROM ours.images i LEFT JOIN ours.files f ON f.key = i.key WHERE {_THERE}",
        (possible_ids(ids),),
        binary=True,
    )
    found: dict[str, list[FileRecord]] = defaultdict(list)
    for image_id, *row in rows:
        found[image_id] += [_file(row)] if row[0] is not None else []
    return _as_asked(ids, {one: sorted(files, key=lambda file: file.path) for one, files in found.items()})


def pictures(session: Session, keys: Sequence[int]) -> dict[int, KeptPicture]:
    """Pictures with their files by key."""
    found: dict[int, ImageRecord] = {}
    files: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for key, *row in session.rows(_PICTURES, (possible_keys(keys),), binary=True):
        if key not in found:
            found[key] = _image(row[:9])
        if row[9] is not None:
            files[key].append((os.fsdecode(row[9]), row[10], row[11]))
    return _as_asked(keys, {key: _kept_picture(image, files.get(key, [])) for key, image in found.items()})


def _kept_picture(image: ImageRecord, files: list[tuple[str, int, int]]) -> KeptPicture:
    return KeptPicture(image, [FileRecord(path, image.id, size, mtime) for path, size, mtime in sorted(files)])


def files_at(session: Session, paths: Iterable[bytes]) -> list[FileRecord]:
    """The files at paths, in no order."""
    rows = session.rows(
        f"SELECT {_FILE} FROM ours.files f JOIN ours.images i ON i.key = f.key WHERE f.path = ANY(%s::bytea[])",
        (list(paths),),
        binary=True,
    )
    return [_file(row) for row in rows]


def files_between(session: Session, first: bytes, end: bytes, limit: int) -> list[FileRecord]:
    """Files whose paths lie from `first` on and before `end`, in the order of their bytes."""
    rows = session.rows(
        f"SELECT {_FILE} FROM ours.files f JOIN ours.images i ON i.key = f.key WHERE f.path >= %s AND f.path < %s"
        " ORDER BY f.path LIMIT %s",
        (first, end, limit),
        binary=True,
    )
    return [_file(row) for row in rows]


def count_files(session: Session, at: bytes, below: tuple[bytes, bytes]) -> int:
    """How many paths are remembered: this one, and those in that range."""
    return int(session.one(_COUNT_FILES, (at, *below) * 2)[0])


def behind(path: bytes) -> bytes:
    """The first of all bytes that come behind these."""
    return path + b"\x00"


def range_below(folder: str) -> tuple[bytes, bytes]:
    """Between which bytes the paths of all files below a folder lie: behind the first, before the second."""
    first = os.fsencode(os.path.join(folder, ""))
    return first, first[:-1] + bytes([first[-1] + 1])


def refused_between(session: Session, first: bytes, end: bytes, limit: int) -> list[RefusedFile]:
    """Refusals of paths from `first` on and before `end`, in the order of their bytes."""
    rows = session.rows(
        f"SELECT {_REFUSED} FROM ours.refused WHERE path >= %s AND path < %s ORDER BY path LIMIT %s",
        (first, end, limit),
        binary=True,
    )
    return [RefusedFile(os.fsdecode(row[0]), *row[1:]) for row in rows]


def refused_at(session: Session, paths: Iterable[bytes]) -> list[RefusedFile]:
    """The refusals of paths, in no order."""
    rows = session.rows(
        f"SELECT {_REFUSED} FROM ours.refused WHERE path = ANY(%s::bytea[])", (list(paths),), binary=True
    )
    return [RefusedFile(os.fsdecode(row[0]), *row[1:]) for row in rows]


def setting(session: Session, name: str) -> Any:
    """A setting that is a JSON object; an empty one while not set."""
    row = session.first("SELECT value FROM ours.settings WHERE name = %s", (name,))
    return json.loads(row[0]) if row else {}


def deleting(session: Session, ids: Sequence[str]) -> dict[str, float]:
    """Whose kept bytes are being deleted, and until when."""
    rows = session.rows("SELECT id, until FROM ours.deleting WHERE id = ANY(%s::text[])", (possible_ids(ids),))
    return _as_asked(ids, {row[0]: row[1] for row in rows})


def vectors_of(session: Session, keys: Sequence[int], dimension: int) -> StoredVectors:
    """Vectors by key."""
    rows = session.rows(
        "SELECT key, vector FROM ours.vectors WHERE key = ANY(%s::bigint[]) ORDER BY key",
        (possible_keys(keys),),
        binary=True,
    )
    return stack_vectors(rows, dimension)


def vectors_after(session: Session, key: int, limit: int, dimension: int) -> StoredVectors:
    """Vectors in the order of their keys, from behind `key` on."""
    rows = session.rows(
        "SELECT key, vector FROM ours.vectors WHERE key > %s ORDER BY key LIMIT %s", (key, limit), binary=True
    )
    return stack_vectors(rows, dimension)


def stack_vectors(rows: Sequence[Sequence[Any]], dimension: int) -> StoredVectors:
    """Keys and vectors as arrays.

    Raises:
        CatalogDamaged: when a vector is of another length.
    """
    if any(len(vector) != 2 * dimension for _, vector in rows):
        raise CatalogDamaged(
            f"expected vectors of {2 * dimension} bytes, found others: look at the catalog with `lookalike doctor`"
        )
    joined = bytearray().join([vector for _, vector in rows])  # writable, so the array is too, without another copy
    keys = np.array([row[0] for row in rows], dtype=np.int64)
    return StoredVectors(keys, np.frombuffer(joined, dtype="<f2").reshape(len(rows), dimension))


def metadata_of(text: str) -> Metadata:
    """Metadata from the JSON that is stored."""
    found: Metadata = {} if text == "{}" else json.loads(text)
    return found


def _as_asked(names: Iterable[Name], found: dict[Name, T]) -> dict[Name, T]:
    """In the order asked for; the server gives rows in one of its own, which changes with every change."""
    return {name: found[name] for name in names if name in found}


def _image(row: Sequence[Any]) -> ImageRecord:
    image_id, width, height, image_format, size_bytes, taken_at, camera, metadata, provisional = row
    return ImageRecord(
        image_id,
        width,
        height,
        image_format,
        size_bytes,
        taken_at,
        camera,
        metadata_of(metadata),
        provisional=provisional,
    )


def _file(row: Sequence[Any]) -> FileRecord:
    return FileRecord(os.fsdecode(row[0]), row[1], row[2], row[3])
