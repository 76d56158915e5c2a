"""A transaction on the tables."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog.base import DAY_S, MAIN, STALE_MARK_S
from lookalike.catalog.leases import cut_lease, grant_lease
from lookalike.catalog.sqlite import deleting, forgotten, further, leases, projections
from lookalike.catalog.sqlite.errors import decoding
from lookalike.catalog.sqlite.reading import AMONG, lineage, lineage_setting, metadata_of, number_setting
from lookalike.catalog.sqlite.reads import SqliteReads, size_of
from lookalike.catalog.storable import last_of_each, lay_over, metadata_json, path_bytes, storable_vectors
from lookalike.core.errors import NotIndexed
from lookalike.core.fields import searchable_text, split_path, terms
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors, Keys
from lookalike.storage.sqlite.connection import Connection
from lookalike.storage.sqlite.errors import DamagedRow

_PUT_IMAGE = """
    INSERT INTO images (id, width, height, format, size_bytes, taken_at, camera, metadata, provisional, seq, vector_seq,
        removed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
    ON CONFLICT (id) DO UPDATE SET
        width = excluded.width, height = excluded.height, format = excluded.format, size_bytes = excluded.size_bytes,
        taken_at = excluded.taken_at, camera = excluded.camera, metadata = excluded.metadata,
        provisional = excluded.provisional, seq = excluded.seq, removed = 0,
        vector_seq = coalesce(nullif(excluded.vector_seq, 0), vector_seq)"""
_PUT_VECTOR = "INSERT INTO vectors (key, vector) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET vector = excluded.vector"
_PUT_FILE = """
    INSERT INTO files (path, folder, name, key, size_bytes, mtime_ns) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET
        key = excluded.key, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns"""
_PUT_REFUSED = """
    INSERT INTO refused (path, size_bytes, mtime_ns, code, reason) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        code = excluded.code, reason = excluded.reason"""
_PUT_SETTING = """
    INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_REMOVE_IMAGE = """
    UPDATE images SET removed = 1, metadata = '{}', taken_at = NULL, camera = NULL, provisional = 0, seq = ?,
        vector_seq = ?
    WHERE key = ?"""


class SqliteTransaction(SqliteReads):
    """Changes on a connection on which a transaction is open; `finish` belongs at its end.

    Args:
        connection: with a transaction begun.
        path: of the file.
        keep_days: for which the metadata of removed pictures is kept; what is older is dropped now.
        now_s: seconds since 1970.
    """

    def __init__(self, connection: Connection, *, path: Path, keep_days: int, now_s: int) -> None:
        self._connection = connection
        self._path = path
        self._dimension = number_setting(connection, "dimension")
        self._first_seq = self._seq = number_setting(connection, "last_seq")
        self._changes_before = connection.total_changes
        self._keep_days, self._now_s = keep_days, now_s
        self._returned: set[str] = set()
        forgotten.drop_older(connection, before_s=now_s - keep_days * DAY_S)

    def put_images(self, images: Sequence[ImageRecord], vectors: HalfVectors) -> Keys:
        """Add pictures with their vectors; see `Transaction`."""
        halves = storable_vectors(vectors, count=len(images), dimension=self._dimension)
        given = last_of_each(images)
        before = self._find_existing(given)
        kept = self._take_back(image_id for image_id, (_, image) in given.items() if not image.provisional)
        metadata = {
            image_id: lay_over({**kept.get(image_id, {}), **before.get(image_id, (0, {}))[1]}, image.metadata)
            for image_id, (_, image) in given.items()
            if image.metadata or image_id in before or image_id in kept
        }
        same = self._with_vector(
            {image_id: halves[position].tobytes() for image_id, (position, _) in given.items()}, before
        )
        self._change_all(
            _PUT_IMAGE,
            [
                self._row(image, metadata.get(image_id, {}), new_vector=image_id not in same)
                for image_id, (_, image) in given.items()
            ],
        )
        keys = {image_id: key for image_id, (key, _) in self._find_existing(given).items()}
        for image_id, fields in metadata.items():
            self._put_terms(keys[image_id], fields, replacing=image_id in before)
        self._change_all(
            _PUT_VECTOR, ((keys[image_id], halves[position].tobytes()) for image_id, (position, _) in given.items())
        )
        return np.array([keys[image.id] for image in images], dtype=np.int64)

    def put_files(self, files: Sequence[FileRecord]) -> None:
        """Say in which files pictures lie; see `Transaction`."""
        known = self._find_existing({file.image_id for file in files})
        rows = []
        for file in files:
            if file.image_id not in known:
                raise NotIndexed(
                    f"{file.path}: its picture {file.image_id[:80]!r} is not in the catalog; put that first"
                )
            folder, name = split_path(file.path)
            key, _ = known[file.image_id]
            rows.append((path_bytes(file.path), folder, name, key, file.size_bytes, file.mtime_ns))
        self._change_all(_PUT_FILE, rows)
        self._change_all("DELETE FROM refused WHERE path = ?", ((row[0],) for row in rows))

    def put_refused(self, refused: Sequence[RefusedFile]) -> None:
        """Remember files that were refused; see `Transaction`."""
        rows = [
            (path_bytes(one.path), one.size_bytes, one.mtime_ns, searchable_text(one.code), searchable_text(one.reason))
            for one in refused
        ]
        self._change_all(_PUT_REFUSED, rows)
        self._change_all("DELETE FROM files WHERE path = ?", ((row[0],) for row in rows))

    def forget_files(self, paths: Sequence[str]) -> None:
        """Forget files; see `Transaction`."""
        stored = [(path_bytes(path),) for path in paths]
        self._change_all("DELETE FROM files WHERE path = ?", stored)
        self._change_all("DELETE FROM refused WHERE path = ?", stored)

    @property
    def returned(self) -> frozenset[str]:
        """The ids of pictures to which kept metadata has come back."""
        return frozenset(self._returned)

    def remove_images(self, ids: Sequence[str], *, keep: bool = True) -> int:
        """Remove pictures; see `Transaction`."""
        existing = self._find_existing(ids)
        self._returned.difference_update(existing)
        if keep and self._keep_days:
            metadata = {image_id: fields for image_id, (_, fields) in existing.items()}
            forgotten.keep(self._connection, metadata, now_s=self._now_s)
        keys = [key for key, _ in existing.values()]
        self._change_all("DELETE FROM settings WHERE name BETWEEN ? AND ?", map(_claims_of, existing))
        self._remove_vectors(keys)
        self._remove_words(keys)
        return len(keys)

    def forget_forever(self, ids: Sequence[str]) -> int:
        """Remove pictures and what is kept of them; see `Transaction`."""
        known = self._find_existing(ids).keys() | forgotten.read_kept(self._connection, ids).keys()
        with forgotten.leaving_no_trace(self._connection):
            self._remove_vectors([key for key, _ in self._find_existing(ids).values()])
        self.remove_images(ids, keep=False)
        forgotten.drop(self._connection, ids)
        return len(known)

    def merge_metadata(self, metadata: Mapping[str, Metadata]) -> int:
        """Lay fields over metadata; see `Transaction`."""
        existing = self._find_existing(metadata)
        for image_id, (key, earlier) in existing.items():
            merged = lay_over(earlier, metadata[image_id])
            self._rows(
                "UPDATE images SET metadata = ?, seq = ? WHERE key = ?", (metadata_json(merged), self._next_seq(), key)
            )
            self._put_terms(key, merged, replacing=True)
        return len(existing)

    def put_claim(self, image_id: str, claim: str, vector: HalfVectors) -> None:
        """Note a claimed vector; see `Transaction`."""
        halves = storable_vectors(vector, count=1, dimension=self._dimension)
        self.put_setting(f"claim {image_id} {claim}", base64.b64encode(halves.tobytes()).decode())

    def claims(self, image_id: str) -> dict[str, HalfVectors]:
        """Claimed vectors; see `Transaction`."""
        rows = self._rows("SELECT name, value FROM settings WHERE name BETWEEN ? AND ?", _claims_of(image_id))
        return {name.rpartition(" ")[2]: self._read_claim(value) for name, value in rows}

    def drop_claim(self, image_id: str, claim: str) -> None:
        """Forget a claim; see `Transaction`."""
        self._rows("DELETE FROM settings WHERE name = ?", (f"claim {image_id} {claim}",))

    def _read_claim(self, value: object) -> HalfVectors:
        try:
            return np.frombuffer(base64.b64decode(str(value)), "<f2").reshape(1, self._dimension)
        except ValueError as error:
            raise DamagedRow("a claimed vector is none") from error

    def put_model_vectors(self, name: str, keys: Sequence[int] | Keys, vectors: HalfVectors) -> int:
        """Keep vectors of a further model; see `Transaction`."""
        return further.put_vectors(self._connection, name, keys, vectors)

    def begin_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that kept bytes are about to be deleted; see `Transaction`."""
        deleting.drop_stale(self._connection, until - STALE_MARK_S)
        for image_id in ids:
            self.put_setting(deleting.name_of(image_id), repr(until))

    def end_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that this is done; see `Transaction`."""
        own = [(deleting.name_of(one), repr(until)) for one in ids]
        self._change_all("DELETE FROM settings WHERE name = ? AND value = ?", own)

    def put_devices(self, devices: Mapping[str, str]) -> None:
        """Remember the devices of folders; see `Transaction`."""
        self.put_setting("devices", json.dumps(dict(devices)))

    def put_out_of_sight(self, folders: Mapping[str, Sequence[str]]) -> None:
        """Remember below which folders files are out of sight; see `Transaction`."""
        self.put_setting("out of sight", json.dumps({folder: list(paths) for folder, paths in folders.items()}))

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Add a further model; see `Catalog`."""
        further.add(self._connection, name, model_id, dimension)

    def drop_further_model(self, name: str) -> None:
        """Forget a further model; see `Catalog`."""
        further.drop(self._connection, name)

    def put_projection(self, new: StoredProjection, *, after: int, model: str = MAIN) -> int:
        """Add a version of a model's projection; see `Transaction`."""
        version = projections.put(self._connection, new, after=after, model=model)
        if model == MAIN:
            self._next_seq()
        return version

    def take_lease(self, name: str, holder: str, *, lasts_s: int) -> Lease | None:
        """Be the one who may do something; see `Transaction`."""
        lease = grant_lease(leases.lease(self._connection, name), name, holder, now_s=self._now_s, lasts_s=lasts_s)
        if lease is not None:
            leases.put(self._connection, lease)
        return lease

    def end_lease(self, lease: Lease) -> None:
        """Let it go before it ends; see `Transaction`."""
        left = cut_lease(leases.lease(self._connection, lease.name), lease, now_s=self._now_s)
        if left is not None:
            leases.put(self._connection, left)

    def put_setting(self, name: str, value: str) -> None:
        """Write one of the settings."""
        self._rows(_PUT_SETTING, (name, value))

    def finish(self, *, writer: str) -> None:
        """Write down that there were changes, the last sequence number given, and where this writer's changes begin.

        Also a word for the commit, and, in a new catalog, one for the collection.
        """
        if self._connection.total_changes == self._changes_before:
            return
        self.put_setting("version", str(number_setting(self._connection, "version") + 1))
        self.put_setting("commit", secrets.token_hex(8))
        self._rows(
            "INSERT INTO settings (name, value) VALUES ('identity', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(16),)
        )
        if self._seq == self._first_seq:
            return
        self.put_setting("last_seq", str(self._seq))
        if lineage(self._connection, self._seq) != writer:
            self.put_setting(lineage_setting(self._first_seq + 1), writer)

    @contextmanager
    def _view(self) -> Iterator[Connection]:
        with decoding():
            yield self._connection

    def _size_bytes(self) -> int:
        return size_of(self._path)

    def _find_existing(self, ids: Iterable[str]) -> dict[str, tuple[int, Metadata]]:
        """Key and metadata of those that are there, by id, in the order given."""
        wanted = list(ids)
        rows = self._rows(
            f"SELECT id, key, metadata FROM images WHERE NOT removed AND id {AMONG}", (json.dumps(wanted),)
        )
        found = {image_id: (key, metadata_of(metadata)) for image_id, key, metadata in rows}
        return {image_id: found[image_id] for image_id in wanted if image_id in found}

    def _take_back(self, ids: Iterable[str]) -> dict[str, Metadata]:
        """What is kept of these, which is kept no longer."""
        kept = forgotten.read_kept(self._connection, ids)
        if kept:
            forgotten.drop(self._connection, kept)
            self._returned.update(kept)
        return kept

    def _remove_vectors(self, keys: list[int]) -> None:
        self._change_all("DELETE FROM vectors WHERE key = ?", [(key,) for key in keys])
        further.remove_vectors(self._connection, keys)

    def _remove_words(self, keys: list[int]) -> None:
        """What people wrote, and where pictures lay: none of it stays in unused parts of the file."""
        rows = [(key,) for key in keys]
        with forgotten.leaving_no_trace(self._connection):
            self._change_all("DELETE FROM files WHERE key = ?", rows)
            self._change_all("DELETE FROM terms WHERE key = ?", rows)
            self._change_all(_REMOVE_IMAGE, ((seq := self._next_seq(), seq, key) for key in keys))

    def _row(self, image: ImageRecord, metadata: Metadata, *, new_vector: bool) -> tuple[Any, ...]:
        facts = (image.id, image.width, image.height, image.format, image.size_bytes, image.taken_at, image.camera)
        seq = self._next_seq()
        return (*facts, metadata_json(metadata), image.provisional, seq, seq if new_vector else 0)

    def _with_vector(self, given: Mapping[str, bytes], before: Mapping[str, tuple[int, Metadata]]) -> set[str]:
        """Those that have the given vector already."""
        if not before:
            return set()
        keys = json.dumps([key for key, _ in before.values()])
        stored = dict(self._rows(f"SELECT key, vector FROM vectors WHERE key {AMONG}", (keys,)))
        return {image_id for image_id, (key, _) in before.items() if stored.get(key) == given[image_id]}

    def _put_terms(self, key: int, metadata: Metadata, *, replacing: bool) -> None:
        if replacing:
            self._rows("DELETE FROM terms WHERE key = ?", (key,))
        named = [(searchable_text(name), one) for name, value in metadata.items() for one in terms(value)]
        self._change_all(
            "INSERT INTO terms (key, name, position, text, number) VALUES (?, ?, ?, ?, ?)",
            ((key, name, position, one.text, one.number) for position, (name, one) in enumerate(named)),
        )

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with decoding():
            return self._connection.execute(statement, values).fetchall()

    def _change_all(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with decoding():
            self._connection.executemany(statement, rows)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq


def _claims_of(image_id: str) -> tuple[str, str]:
    """The first and the last name that a claim of a picture can have; claims are of letters and digits."""
    return f"claim {image_id} ", f"claim {image_id} ~"
