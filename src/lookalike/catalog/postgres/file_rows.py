"""Files and refusals: each function is a few statements within a transaction, and notes what they touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lookalike.catalog.postgres.footprint import Of
from lookalike.catalog.postgres.notes import Notes
from lookalike.catalog.storable import path_bytes
from lookalike.core.fields import searchable_text, split_path
from lookalike.core.records import FileRecord, RefusedFile
from lookalike.storage.postgres.session import Session

_PUT_FILES = """
    INSERT INTO ours.files (path, folder, name, key, size_bytes, mtime_ns)
    SELECT * FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS g (path, folder, name, key, size_bytes, mtime_ns) ORDER BY g.path
    ON CONFLICT (path) DO UPDATE SET
        key = excluded.key, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns"""
_OWNERS = """
    SELECT f.path, i.key, i.id FROM ours.files f JOIN ours.images i ON i.key = f.key WHERE f.path = ANY(%s::bytea[])"""
_PUT_REFUSED = """
    INSERT INTO ours.refused (path, size_bytes, mtime_ns, code, reason)
    SELECT * FROM unnest(%s::bytea[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])
        AS g (path, size_bytes, mtime_ns, code, reason) ORDER BY g.path
    ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        code = excluded.code, reason = excluded.reason
    RETURNING xmax = 0"""


def put_files(session: Session, notes: Notes, files: Sequence[FileRecord], keys: Mapping[str, int]) -> None:
    """Say in which files pictures lie; `keys` of the pictures by id."""
    last = {path_bytes(file.path): file for file in files}
    if not last:
        return
    owners = session.rows(_OWNERS, (list(last),), binary=True)
    split = [split_path(file.path) for file in last.values()]
    columns: list[list[object]] = [list(last), [folder for folder, _ in split], [name for _, name in split]]
    columns += [[keys[file.image_id] for file in last.values()]]
    columns += [[file.size_bytes for file in last.values()], [file.mtime_ns for file in last.values()]]
    session.change(_PUT_FILES, columns)
    notes.added["files"] += len(last) - len(owners)
    _forget_refused(session, notes, list(last))
    _note_owners(notes, owners)
    notes.wrote.note(Of.FILES, [*last, *keys, *keys.values()])


def put_refused(session: Session, notes: Notes, refused: Sequence[RefusedFile]) -> None:
    """Remember files that were refused."""
    last = {path_bytes(one.path): one for one in refused}
    if not last:
        return
    columns: list[list[object]] = [list(last), [one.size_bytes for one in last.values()]]
    columns += [[one.mtime_ns for one in last.values()]]
    columns += [[searchable_text(one.code) for one in last.values()]]
    columns += [[searchable_text(one.reason) for one in last.values()]]
    notes.added["refused"] += sum(is_new for (is_new,) in session.rows(_PUT_REFUSED, columns))
    notes.wrote.note(Of.REFUSED, last)
    _forget_files(session, notes, list(last))


def forget(session: Session, notes: Notes, paths: Sequence[bytes]) -> None:
    """Forget files, also refused ones."""
    _forget_files(session, notes, list(paths))
    _forget_refused(session, notes, list(paths))


def remove_of(session: Session, notes: Notes, keys: Sequence[int]) -> None:
    """Forget the files of pictures."""
    rows = session.rows(
        "DELETE FROM ours.files WHERE key = ANY(%s::bigint[]) RETURNING path", (list(keys),), binary=True
    )
    notes.wrote.note(Of.FILES, [path for (path,) in rows])
    notes.added["files"] -= len(rows)


# Of paths that are not there, nobody may have said otherwise by the time of the commit: so they count as read.


def _forget_files(session: Session, notes: Notes, paths: list[bytes]) -> None:
    notes.reading(Of.FILES, paths)
    owners = session.rows(_OWNERS, (paths,), binary=True)
    if owners:
        _note_owners(notes, owners)
        notes.added["files"] -= session.change("DELETE FROM ours.files WHERE path = ANY(%s::bytea[])", (paths,))
        notes.wrote.note(Of.FILES, paths)


def _forget_refused(session: Session, notes: Notes, paths: list[bytes]) -> None:
    notes.reading(Of.REFUSED, paths)
    count = session.change("DELETE FROM ours.refused WHERE path = ANY(%s::bytea[])", (paths,))
    if count:
        notes.added["refused"] -= count
        notes.wrote.note(Of.REFUSED, paths)


def _note_owners(notes: Notes, owners: Iterable[Sequence[Any]]) -> None:
    """Pictures of which a file goes: who has read their files has read that."""
    notes.wrote.note(Of.FILES, [name for _, key, image_id in owners for name in (key, image_id)])
