"""What is read from the tables: each function is one or a few statements on a connection that sees one state."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lookalike.catalog.base import MOST_FIELDS, KeptPicture, StoredVectors
from lookalike.catalog.sqlite.filters import Sql
from lookalike.core.records import Change, FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.vectors import Keys
from lookalike.storage.sqlite.errors import DamagedRow

# A list of any length is bound as one JSON text, so no statement is too long, and the prepared one is used again.
AMONG = "IN (SELECT value FROM json_each(?))"
_IMAGE = "i.id, i.width, i.height, i.format, i.size_bytes, i.taken_at, i.camera, i.metadata, i.provisional"
_FIELDS = """
    WITH RECURSIVE names (name) AS (
        SELECT min(name) FROM terms
        UNION ALL SELECT (SELECT min(t.name) FROM terms t WHERE t.name > names.name) FROM names WHERE name IS NOT NULL
    ) SELECT name FROM names LIMIT ?"""
_FILE = "f.path, i.id, f.size_bytes, f.mtime_ns"
_REFUSED = "path, size_bytes, mtime_ns, code, reason"


def setting(connection: sqlite3.Connection, name: str, default: str) -> str:
    """One of the settings, or what it is while not set."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else default


def number_setting(connection: sqlite3.Connection, name: str) -> int:
    """A setting that is a whole number, 0 while not set."""
    return _number(name, setting(connection, name, "0"))


def devices(connection: sqlite3.Connection) -> dict[str, str]:
    """The setting that says on which devices folders lie."""
    try:
        found = json.loads(setting(connection, "devices", "{}"))
        return {folder: str(device) for folder, device in found.items()}
    except (ValueError, AttributeError) as error:
        raise DamagedRow(f"the setting devices should be a JSON object, but cannot be read: {error}") from error


def out_of_sight(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """The setting that says below which folders files are out of sight."""
    try:
        found = json.loads(setting(connection, "out of sight", "{}"))
        return {folder: [str(path) for path in paths] for folder, paths in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise DamagedRow(f"the setting out of sight should be a JSON object, but cannot be read: {error}") from error


def lineage_setting(seq: int) -> str:
    """The name of the setting that says who made the changes from `seq` on; the names sort as the numbers do."""
    return f"lineage {seq:020}"


def lineage(connection: sqlite3.Connection, seq: int) -> str:
    """Who made the change `seq`: the word that was noted at it or last before it."""
    row = connection.execute(
        "SELECT value FROM settings WHERE name BETWEEN ? AND ? ORDER BY name DESC LIMIT 1",
        (lineage_setting(1), lineage_setting(seq)),
    ).fetchone()
    return str(row[0]) if row else ""


def counts(connection: sqlite3.Connection) -> tuple[int, int, int, int, int]:
    """How many images, files, refused files, forgotten pictures, and the last sequence number."""
    counted = tuple(f"count {table}" for table in ("images", "files", "refused", "forgotten"))
    rows = connection.execute("SELECT name, value FROM settings WHERE name IN (?, ?, ?, ?, 'last_seq')", counted)
    found = {"last_seq": 0, **{name: _number(name, value) for name, value in rows}}
    try:
        images, files, refused, forgotten = (found[name] for name in counted)
        return images, files, refused, forgotten, found["last_seq"]
    except KeyError as error:
        raise DamagedRow(f"the setting {error} is not there") from error


def selected(connection: sqlite3.Connection, statement: Sql) -> Keys:
    """The keys that a filter selects: shape (M,), int64, ascending, read-only.

    They come as one text: a million small Python objects take twice the time of the selecting itself.
    """
    (text,) = connection.execute(statement.text, statement.values).fetchone()
    keys = np.fromstring(text or "", np.int64, sep=",")
    keys.sort()
    keys.flags.writeable = False
    return keys


def images(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, ImageRecord]:
    """Pictures by id."""
    rows = connection.execute(f"SELECT {_IMAGE} FROM images i WHERE NOT i.removed AND i.id {AMONG}", (_json(ids),))
    return {row[0]: _image(row) for row in rows}


def images_after(connection: sqlite3.Connection, key: int, limit: int) -> list[tuple[int, ImageRecord]]:
    """Pictures with their keys, from behind `key` on."""
    rows = connection.execute(
        f"SELECT {_IMAGE}, i.key FROM images i WHERE NOT i.removed AND i.key > ? ORDER BY i.key LIMIT ?", (key, limit)
    )
    found = [(row[-1], _image(row[:-1])) for row in rows]
    _check_ascending([key, *(pair[0] for pair in found)])
    return found


def ids_of(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, str]:
    """Ids by key."""
    return dict(connection.execute(f"SELECT key, id FROM images WHERE NOT removed AND key {AMONG}", (_json(keys),)))


def keys_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, int]:
    """Keys by id."""
    return dict(connection.execute(f"SELECT id, key FROM images WHERE NOT removed AND id {AMONG}", (_json(ids),)))


def metadata_fields(connection: sqlite3.Connection) -> list[str]:
    """The names of all terms, each found by one step in the index from the one before."""
    return [name for (name,) in connection.execute(_FIELDS, (MOST_FIELDS,)) if name is not None]


def ids_with_prefix(connection: sqlite3.Connection, prefix: str, limit: int) -> list[str]:
    """Ids that begin with hexadecimal digits, sorted."""
    rows = connection.execute(
        "SELECT id FROM images WHERE NOT removed AND id >= ? AND id < ? ORDER BY id LIMIT ?",
        (prefix, prefix + "g", limit),
    )
    return [row[0] for row in rows]


def known_ids(connection: sqlite3.Connection) -> set[str]:
    """All ids."""
    return {row[0] for row in connection.execute("SELECT id FROM images WHERE NOT removed")}


def files_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, list[FileRecord]]:
    """Files by id, sorted by path; an empty list for a picture without one."""
    rows = connection.execute(
        f"SELECT i.id, {_FILE} FROM images i LEFT JOIN files f ON f.key = i.key WHERE NOT i.removed AND i.id {AMONG}",
        (_json(ids),),
    )
    found: dict[str, list[FileRecord]] = defaultdict(list)
    for image_id, *row in rows:
        found[image_id] += [_file(row)] if row[0] is not None else []
    return {image_id: sorted(files, key=lambda file: file.path) for image_id, files in found.items()}


def pictures(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, KeptPicture]:
    """Pictures with their files by key."""
    wanted = _json(keys)
    files: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    lying = connection.execute(f"SELECT key, path, size_bytes, mtime_ns FROM files WHERE key {AMONG}", (wanted,))
    for key, path, size_bytes, mtime_ns in lying:
        files[key].append((_path(path), size_bytes, mtime_ns))
    rows = connection.execute(f"SELECT {_IMAGE}, i.key FROM images i WHERE NOT i.removed AND i.key {AMONG}", (wanted,))
    return {row[-1]: _kept(_image(row[:-1]), files.get(row[-1], [])) for row in rows}


def _kept(image: ImageRecord, files: list[tuple[str, int, int]]) -> KeptPicture:
    return KeptPicture(image, [FileRecord(path, image.id, size, mtime) for path, size, mtime in sorted(files)])


def files_after(connection: sqlite3.Connection, number: int, limit: int) -> tuple[list[FileRecord], int]:
    """Files in the order of their numbers, from behind `number` on, and the last number."""
    rows = connection.execute(
        f"SELECT {_FILE}, f.number FROM files f JOIN images i ON i.key = f.key WHERE f.number > ?"
        " ORDER BY f.number LIMIT ?",
        (number, limit),
    ).fetchall()
    _check_ascending([number, *(row[-1] for row in rows)])
    return [_file(row) for row in rows], rows[-1][-1] if rows else number


def file_at(connection: sqlite3.Connection, path: bytes) -> FileRecord | None:
    """The file at a path."""
    row = connection.execute(
        f"SELECT {_FILE} FROM files f JOIN images i ON i.key = f.key WHERE f.path = ?", (path,)
    ).fetchone()
    return _file(row) if row else None


def refused(connection: sqlite3.Connection) -> list[RefusedFile]:
    """All refusals."""
    return [_refused(row) for row in connection.execute(f"SELECT {_REFUSED} FROM refused")]


def refused_at(connection: sqlite3.Connection, path: bytes) -> RefusedFile | None:
    """The refusal of a path."""
    row = connection.execute(f"SELECT {_REFUSED} FROM refused WHERE path = ?", (path,)).fetchone()
    return _refused(row) if row else None


def vectors_of(connection: sqlite3.Connection, keys: Iterable[int], dimension: int) -> StoredVectors:
    """Vectors by key."""
    rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key {AMONG} ORDER BY key", (_json(keys),))
    return stored_vectors(rows.fetchall(), dimension)


def vectors_after(connection: sqlite3.Connection, key: int, limit: int, dimension: int) -> StoredVectors:
    """Vectors in the order of their keys, from behind `key` on."""
    rows = connection.execute("SELECT key, vector FROM vectors WHERE key > ? ORDER BY key LIMIT ?", (key, limit))
    return stored_vectors(rows.fetchall(), dimension, after=key)


def changes(connection: sqlite3.Connection, since: int) -> list[Change]:
    """The last change of each image, after a sequence number."""
    rows = connection.execute("SELECT seq, key, removed FROM images WHERE seq > ? ORDER BY seq", (since,))
    return [Change(seq, key, bool(removed)) for seq, key, removed in rows]


def keys_as_array(rows: Iterable[Sequence[Any]]) -> Keys:
    """The first column as keys: shape (M,), int64, in the order of the rows."""
    keys = [row[0] for row in rows]
    if not all(isinstance(key, int) for key in keys):
        raise DamagedRow("a key should be a whole number, but is not")
    return np.array(keys, dtype=np.int64)


def stored_vectors(rows: list[tuple[int, bytes]], dimension: int, *, after: int | None = None) -> StoredVectors:
    """Keys and vectors as arrays; where `after` is given, the keys must ascend from behind it."""
    if any(not isinstance(vector, bytes) or len(vector) != 2 * dimension for _, vector in rows):
        raise DamagedRow(f"a vector should be {2 * dimension} bytes long, but is not")
    keys = keys_as_array(rows)
    if after is not None:
        _check_ascending([after, *keys.tolist()])
    joined = bytearray().join([vector for _, vector in rows])  # writable, so the array is too, without another copy
    return StoredVectors(keys, np.frombuffer(joined, dtype="<f2").reshape(len(rows), dimension))


def metadata_of(text: object) -> Metadata:
    """Metadata from the JSON that is stored.

    Raises:
        DamagedRow: when it is not an object.
    """
    if text == "{}":
        return {}
    try:
        decoded = json.loads(str(text))
    except ValueError as error:
        raise DamagedRow(f"the metadata of a picture should be JSON, but cannot be read: {error}") from error
    if not isinstance(decoded, dict):
        raise DamagedRow(f"the metadata of a picture should be a JSON object, but is {decoded!r:.40}")
    return decoded


def _image(row: Sequence[Any]) -> ImageRecord:
    image_id, width, height, image_format, size_bytes, taken_at, camera, metadata, provisional = row
    fields = metadata_of(metadata)
    return ImageRecord(
        image_id, width, height, image_format, size_bytes, taken_at, camera, fields, provisional=bool(provisional)
    )


def _file(row: Sequence[Any]) -> FileRecord:
    return FileRecord(_path(row[0]), row[1], row[2], row[3])


def _refused(row: Sequence[Any]) -> RefusedFile:
    return RefusedFile(_path(row[0]), *row[1:])


def _path(stored: object) -> str:
    if not isinstance(stored, bytes):
        raise DamagedRow(f"the path of a file should be bytes, but is {stored!r:.40}")
    return os.fsdecode(stored)


def _check_ascending(numbers: list[int]) -> None:
    """So that going through a damaged table comes to an end."""
    if not all(isinstance(one, int) for one in numbers) or any(one >= other for one, other in pairwise(numbers)):
        raise DamagedRow("the rows of a table are not in order")


def _number(name: str, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise DamagedRow(f"the setting {name} should be a number, but is {text[:40]!r}")
    return int(text)


def _json(values: Iterable[str] | Iterable[int]) -> str:
    return json.dumps(list(values))
