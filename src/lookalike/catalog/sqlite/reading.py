"""What is read from the tables: each function is one or a few statements on a connection that sees one state."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lookalike.catalog.base import MOST_FIELDS, KeptPicture, StoredVectors
from lookalike.catalog.sqlite.filters import Sql
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
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
_PATHS_AT_ONCE = 256
_AMONG_PATHS = f"IN ({', '.join('?' * _PATHS_AT_ONCE)})"  # paths are bytes, which JSON cannot hold
_AT_OR_BETWEEN = "path = ? OR path > ? AND path < ?"
_COUNT_FILES = f"""
    SELECT (SELECT count(*) FROM files WHERE {_AT_OR_BETWEEN})
         + (SELECT count(*) FROM refused WHERE {_AT_OR_BETWEEN})"""
EVERY_PATH = "", b"\xff" * 8
"""Between what all paths lie, for they are absolute; to SQLite all bytes are behind all texts."""


def setting(connection: sqlite3.Connection, name: str, default: str) -> str:
    """One of the settings, or what it is while not set."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else default


def number_setting(connection: sqlite3.Connection, name: str) -> int:
    """A setting that is a whole number, 0 while not set."""
    return number_of_setting(name, setting(connection, name, "0"))


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


def version(connection: sqlite3.Connection) -> str:
    """How many commits there were, and the word of the last one."""
    rows = connection.execute("SELECT value FROM settings WHERE name IN ('version', 'commit') ORDER BY name DESC")
    return " ".join(str(value) for (value,) in rows)


def counts(connection: sqlite3.Connection) -> tuple[int, int, int, int]:
    """How many images, files, refused files and forgotten pictures."""
    counted = tuple(f"count {table}" for table in ("images", "files", "refused", "forgotten"))
    rows = connection.execute("SELECT name, value FROM settings WHERE name IN (?, ?, ?, ?)", counted)
    found = {name: number_of_setting(name, value) for name, value in rows}
    try:
        return found[counted[0]], found[counted[1]], found[counted[2]], found[counted[3]]
    except KeyError as error:
        raise DamagedRow(f"the setting {error} is not there") from error


def select(connection: sqlite3.Connection, statement: Sql) -> Keys:
    """The keys that a filter selects: shape (M,), int64, ascending, read-only.

    They come as one text: a million small Python objects take twice the time of the selecting itself.
    """
    (text,) = connection.execute(statement.text, statement.values).fetchone()
    keys = np.fromstring(text or "", np.int64, sep=",")
    keys.sort()
    keys.flags.writeable = False
    return keys


def count(connection: sqlite3.Connection, statement: Sql) -> int:
    """What a counting statement counts."""
    (count,) = connection.execute(statement.text, statement.values).fetchone()
    return int(count)


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


def seqs_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, int]:
    """The numbers of the last changes by id."""
    return dict(connection.execute(f"SELECT id, seq FROM images WHERE NOT removed AND id {AMONG}", (_json(ids),)))


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
    return {row[-1]: _kept_picture(_image(row[:-1]), files.get(row[-1], [])) for row in rows}


def _kept_picture(image: ImageRecord, files: list[tuple[str, int, int]]) -> KeptPicture:
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


def files_at(connection: sqlite3.Connection, paths: Sequence[bytes]) -> list[FileRecord]:
    """The files at paths, in no order."""
    statement = f"SELECT {_FILE} FROM files f JOIN images i ON i.key = f.key WHERE f.path {_AMONG_PATHS}"
    return [_file(row) for some in _paths_at_once(paths) for row in connection.execute(statement, some)]


def files_between(connection: sqlite3.Connection, after: bytes, end: bytes, limit: int) -> list[FileRecord]:
    """Files whose paths lie behind `after` and before `end`, in the order of their bytes."""
    rows = connection.execute(
        f"SELECT {_FILE} FROM files f JOIN images i ON i.key = f.key WHERE f.path > ? AND f.path < ?"
        " ORDER BY f.path LIMIT ?",
        (after, end, limit),
    ).fetchall()
    _check_paths_ascend(after, rows)
    return [_file(row) for row in rows]


def count_files(connection: sqlite3.Connection, at: bytes, below: tuple[bytes, bytes]) -> int:
    """How many paths are remembered: this one, and those in that range."""
    (count,) = connection.execute(_COUNT_FILES, (at, *below) * 2).fetchone()
    return int(count)


def range_below(folder: str) -> tuple[bytes, bytes]:
    """Between which bytes the paths of all files below a folder lie: behind the first, before the second."""
    first = os.fsencode(os.path.join(folder, ""))
    return first, first[:-1] + bytes([first[-1] + 1])


def read_refused_between(
    connection: sqlite3.Connection, after: bytes | str, end: bytes, limit: int
) -> list[RefusedFile]:
    """Refusals of paths behind `after` and before `end`, in the order of their bytes."""
    rows = connection.execute(
        f"SELECT {_REFUSED} FROM refused WHERE path > ? AND path < ? ORDER BY path LIMIT ?", (after, end, limit)
    ).fetchall()
    _check_paths_ascend(after, rows)
    return [_refused_file(row) for row in rows]


def read_refused_at(connection: sqlite3.Connection, paths: Sequence[bytes]) -> list[RefusedFile]:
    """The refusals of paths, in no order."""
    statement = f"SELECT {_REFUSED} FROM refused WHERE path {_AMONG_PATHS}"
    return [_refused_file(row) for some in _paths_at_once(paths) for row in connection.execute(statement, some)]


def vectors_of(connection: sqlite3.Connection, keys: Iterable[int], dimension: int) -> StoredVectors:
    """Vectors by key."""
    rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key {AMONG} ORDER BY key", (_json(keys),))
    return stack_vectors(rows.fetchall(), dimension)


def vectors_after(connection: sqlite3.Connection, key: int, limit: int, dimension: int) -> StoredVectors:
    """Vectors in the order of their keys, from behind `key` on."""
    rows = connection.execute("SELECT key, vector FROM vectors WHERE key > ? ORDER BY key LIMIT ?", (key, limit))
    return stack_vectors(rows.fetchall(), dimension, after=key)


def keys_as_array(rows: Iterable[Sequence[Any]]) -> Keys:
    """The first column as keys: shape (M,), int64, in the order of the rows."""
    keys = [row[0] for row in rows]
    if not all(isinstance(key, int) for key in keys):
        raise DamagedRow("a key should be a whole number, but is not")
    return np.array(keys, dtype=np.int64)


def stack_vectors(rows: list[tuple[int, bytes]], dimension: int, *, after: int | None = None) -> StoredVectors:
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


def _refused_file(row: Sequence[Any]) -> RefusedFile:
    return RefusedFile(_path(row[0]), *row[1:])


def _path(stored: object) -> str:
    if not isinstance(stored, bytes):
        raise DamagedRow(f"the path of a file should be bytes, but is {stored!r:.40}")
    return os.fsdecode(stored)


def _paths_at_once(paths: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Paths for `_AMONG_PATHS`: the last ones filled up with the last, so that there is one statement to prepare."""
    for start in range(0, len(paths), _PATHS_AT_ONCE):
        some = list(paths[start : start + _PATHS_AT_ONCE])
        yield some + [some[-1]] * (_PATHS_AT_ONCE - len(some))


def _check_paths_ascend(after: bytes | str, rows: Sequence[Sequence[Any]]) -> None:
    paths = [*([after] if isinstance(after, bytes) else []), *(row[0] for row in rows)]
    if not all(isinstance(path, bytes) for path in paths) or any(one >= other for one, other in pairwise(paths)):
        raise DamagedRow("the paths of a table are not in order")


def _check_ascending(numbers: list[int]) -> None:
    """So that going through a damaged table comes to an end."""
    if not all(isinstance(one, int) for one in numbers) or any(one >= other for one, other in pairwise(numbers)):
        raise DamagedRow("the rows of a table are not in order")


def number_of_setting(name: str, value: object) -> int:
    """The whole number that a setting should be.

    Raises:
        DamagedRow: when it is none.
    """
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise DamagedRow(f"the setting {name} should be a number, but is {text[:40]!r}")
    return int(text)


def _json(values: Iterable[str] | Iterable[int]) -> str:
    return json.dumps(list(values))
