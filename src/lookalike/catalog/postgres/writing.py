"""A transaction on the tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from lookalike.catalog.base import DAY_S, MAIN, STALE_MARK_S
from lookalike.catalog.leases import cut_lease, grant_lease
from lookalike.catalog.postgres import file_rows, forgotten, further, leases, projections, tallies
from lookalike.catalog.postgres.footprint import Of
from lookalike.catalog.postgres.notes import Notes
from lookalike.catalog.postgres.putting import (
    Known,
    Put,
    add_new,
    replace_known,
    replace_numbers,
    same_vectors,
    take_numbers,
)
from lookalike.catalog.postgres.reading import metadata_of, possible_ids
from lookalike.catalog.postgres.reads import PostgresReads
from lookalike.catalog.postgres.words import terms_json
from lookalike.catalog.storable import (
    check_further_model,
    last_of_each,
    lay_over,
    metadata_json,
    path_bytes,
    storable_vectors,
)
from lookalike.core.errors import NotIndexed
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors, Keys
from lookalike.storage.postgres.session import Session

T = TypeVar("T")

_BEGUN = """
    SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::float8, model_id, dimension,
        EXISTS (SELECT 1 FROM ours.forgotten) FROM ours.identity"""
_BIND = "UPDATE ours.identity SET model_id = %s, dimension = %s WHERE model_id = ''"
_KNOWN = "SELECT id, key, removed, metadata FROM ours.images WHERE id = ANY(%s::text[])"
_PUT_SETTING = """
    INSERT INTO ours.settings (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_REMOVE = """
    UPDATE ours.images i SET removed = true, metadata = '{}', terms = '{}', taken_at = NULL, camera = NULL,
        provisional = false, xid = pg_current_xact_id(), seq = g.seq, vector_xid = pg_current_xact_id(),
        vector_seq = g.seq
    FROM unnest(%s::bigint[], %s::bigint[]) AS g (key, seq) WHERE i.key = g.key"""
_MERGE = """
    UPDATE ours.images i SET metadata = g.metadata, terms = g.terms::jsonb, xid = pg_current_xact_id(), seq = g.seq
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS g (key, metadata, terms, seq)
    WHERE i.key = g.key"""
_PUT_CLAIM = """
    INSERT INTO ours.claims (id, claim, vector) VALUES (%s, %s, %s)
    ON CONFLICT (id, claim) DO UPDATE SET vector = excluded.vector"""
_MARK = """
    INSERT INTO ours.deleting (id, until) SELECT id, %s FROM unnest(%s::text[]) AS g (id) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET until = excluded.until"""


class Begun(NamedTuple):
    """What a transaction knows from its beginning.

    Attributes:
        snapshot: which transactions it sees, as PostgreSQL writes it.
        clock_s: the server's, in seconds since 1970.
        model_id, dimension: of the catalog's model.
        has_forgotten: whether metadata of removed pictures is kept.
    """

    snapshot: str
    clock_s: float
    model_id: str
    dimension: int
    has_forgotten: bool


def begin(session: Session) -> Begun:
    """Look at what the transaction sees."""
    return Begun(*session.one(_BEGUN))


class PostgresTransaction(PostgresReads):
    """Changes in a transaction that was begun.

    Args:
        session: of it.
        begun: what it knows.
        keep_days: for which the metadata of removed pictures is kept; what is older is dropped now.
        now_s: seconds since 1970.

    Attributes:
        notes: what it has read and changed.
    """

    def __init__(self, session: Session, begun: Begun, *, keep_days: int, now_s: int) -> None:
        self._session = session
        self._model_id, self._dimension = begun.model_id, begun.dimension
        self._keep_days, self._now_s = keep_days, now_s
        self._returned: set[str] = set()
        self.notes = Notes()
        if begun.has_forgotten:
            self._drop_older()

    @property
    def _added(self) -> Counter[str]:  # type: ignore[override]  # what the catalog itself has none of
        return self.notes.added

    def _ask(self, call: Callable[[Session], T]) -> T:
        return call(self._session)

    def _look(self, call: Callable[[Session], T]) -> T:
        return call(self._session)

    def _reading(self, table: Of, names: Iterable[str | bytes | int]) -> None:
        self.notes.reading(table, names)

    def _reading_all(self, *tables: Of) -> None:
        for table in tables:
            self.notes.read.note_whole(table)

    @property
    def model_id(self) -> str:
        """The catalog's model; '' where none is bound."""
        return self._model_id

    @property
    def dimension(self) -> int:
        """D of that model; 0 where none is bound."""
        return self._dimension

    def bind(self, model_id: str, dimension: int) -> None:
        """Bind the catalog to a model, unless another one has bound it meanwhile."""
        if self._session.change(_BIND, (model_id, dimension)):
            self._model_id, self._dimension = model_id, dimension
            self.notes.wrote.note_whole(Of.SETTINGS)

    def put_images(self, images: Sequence[ImageRecord], vectors: HalfVectors) -> Keys:
        """Add pictures with their vectors; see `Transaction`."""
        halves = storable_vectors(vectors, count=len(images), dimension=self._dimension)
        given = last_of_each(images)
        if not given:
            return np.zeros(0, np.int64)
        known = self._find_known(given)
        before = {image_id: one for image_id, one in known.items() if not one.removed}
        kept = self._take_back([image_id for image_id, (_, image) in given.items() if not image.provisional])
        stored = {image_id: halves[position].tobytes() for image_id, (position, _) in given.items()}
        same = same_vectors(self._session, {one.key: stored[image_id] for image_id, one in before.items()})
        fresh, seqs = take_numbers(self._session, keys=len(given) - len(known), changes=len(given))
        new_keys = iter(fresh)
        keys = {image_id: known[image_id].key if image_id in known else next(new_keys) for image_id in given}
        puts = {}
        for (image_id, (_, image)), seq in zip(given.items(), seqs, strict=True):
            earlier = before[image_id].metadata if image_id in before else {}
            metadata = lay_over({**kept.get(image_id, {}), **earlier}, image.metadata)
            self.notes.tally_fields(earlier, metadata)
            has_new_vector = keys[image_id] not in same
            puts[image_id] = Put(image, metadata, stored[image_id], seq, has_new_vector)
        add_new(self._session, {keys[one]: put for one, put in puts.items() if one not in known})
        if known:
            replace_known(self._session, {keys[one]: put for one, put in puts.items() if one in known})
        self.notes.added["images"] += len(given) - len(before)
        self.notes.changing_images(keys)
        return np.array([keys[image.id] for image in images], dtype=np.int64)

    def put_files(self, files: Sequence[FileRecord]) -> None:
        """Say in which files pictures lie; see `Transaction`."""
        known = self._find_existing({file.image_id for file in files})
        for file in files:
            if file.image_id not in known:
                raise NotIndexed(
                    f"{file.path}: its picture {file.image_id[:80]!r} is not in the catalog; put that first"
                )
        keys = {image_id: one.key for image_id, one in known.items()}
        file_rows.put_files(self._session, self.notes, files, keys)

    def put_refused(self, refused: Sequence[RefusedFile]) -> None:
        """Remember files that were refused; see `Transaction`."""
        file_rows.put_refused(self._session, self.notes, refused)

    def forget_files(self, paths: Sequence[str]) -> None:
        """Forget files; see `Transaction`."""
        file_rows.forget(self._session, self.notes, [path_bytes(path) for path in paths])

    @property
    def returned(self) -> frozenset[str]:
        """The ids of pictures to which kept metadata has come back."""
        return frozenset(self._returned)

    def remove_images(self, ids: Sequence[str], *, keep: bool = True) -> int:
        """Remove pictures; see `Transaction`."""
        existing = self._find_existing(ids)
        self._returned.difference_update(existing)
        if not existing:
            return 0
        if keep and self._keep_days:
            metadata = {image_id: one.metadata for image_id, one in existing.items()}
            self.notes.added["forgotten"] += forgotten.keep(self._session, metadata, now_s=self._now_s)
            self.notes.wrote.note(Of.FORGOTTEN, existing)
        keys = sorted(one.key for one in existing.values())
        for table in (Of.FILES, Of.CLAIMS, Of.MODEL_VECTORS):  # what others add to them meanwhile would stay behind
            self._reading(table, [*existing, *keys])
        file_rows.remove_of(self._session, self.notes, keys)
        self._session.change("DELETE FROM ours.claims WHERE id = ANY(%s::text[])", (list(existing),))
        self._session.change("DELETE FROM ours.vectors WHERE key = ANY(%s::bigint[])", (keys,))
        for number, count in further.remove_vectors(self._session, keys).items():
            self.notes.added[f"{tallies.MODEL}{number}"] -= count
        _, seqs = take_numbers(self._session, keys=0, changes=len(keys))
        self._session.change(_REMOVE, (keys, seqs))
        replace_numbers(self._session, {key: {} for key in keys})
        for one in existing.values():
            self.notes.tally_fields(one.metadata, {})
        self.notes.added["images"] -= len(keys)
        self.notes.wrote.note(Of.CLAIMS, existing)
        self.notes.wrote.note(Of.MODEL_VECTORS, keys)
        self.notes.changing_images({image_id: one.key for image_id, one in existing.items()})
        return len(keys)

    def forget_forever(self, ids: Sequence[str]) -> int:
        """Remove pictures and what is kept of them; see `Transaction`."""
        self._reading(Of.FORGOTTEN, ids)
        known = self._find_existing(ids).keys() | forgotten.read_kept(self._session, ids).keys()
        self.remove_images(ids, keep=False)
        self.notes.added["forgotten"] -= forgotten.drop(self._session, ids)
        self.notes.wrote.note(Of.FORGOTTEN, ids)
        return len(known)

    def merge_metadata(self, metadata: Mapping[str, Metadata]) -> int:
        """Lay fields over metadata; see `Transaction`."""
        existing = self._find_existing(metadata)
        if not existing:
            return 0
        merged = {one.key: lay_over(one.metadata, metadata[image_id]) for image_id, one in existing.items()}
        for one in existing.values():
            self.notes.tally_fields(one.metadata, merged[one.key])
        keys = sorted(merged)
        _, seqs = take_numbers(self._session, keys=0, changes=len(keys))
        texts = [metadata_json(merged[key]) for key in keys]
        self._session.change(_MERGE, (keys, texts, [terms_json(merged[key]) for key in keys], seqs))
        replace_numbers(self._session, merged)
        self.notes.changing_images({image_id: one.key for image_id, one in existing.items()})
        return len(existing)

    def put_claim(self, image_id: str, claim: str, vector: HalfVectors) -> None:
        """Note a claimed vector; see `Transaction`."""
        halves = storable_vectors(vector, count=1, dimension=self._dimension)
        self._reading(Of.IMAGES, [image_id])  # it is to go with the picture, which others may remove meanwhile
        self._session.change(_PUT_CLAIM, (image_id, claim, halves.tobytes()))
        self.notes.wrote.note(Of.CLAIMS, [image_id])

    def claims(self, image_id: str) -> dict[str, HalfVectors]:
        """Claimed vectors; see `Transaction`."""
        self._reading(Of.CLAIMS, [image_id])
        rows = self._session.rows("SELECT claim, vector FROM ours.claims WHERE id = %s", (image_id,), binary=True)
        return {claim: np.frombuffer(vector, "<f2").reshape(1, self._dimension) for claim, vector in rows}

    def drop_claim(self, image_id: str, claim: str) -> None:
        """Forget a claim; see `Transaction`."""
        if self._session.change("DELETE FROM ours.claims WHERE id = %s AND claim = %s", (image_id, claim)):
            self.notes.wrote.note(Of.CLAIMS, [image_id])

    def put_model_vectors(self, name: str, keys: Sequence[int] | Keys, vectors: HalfVectors) -> int:
        """Keep vectors of a further model; see `Transaction`."""
        self._reading(Of.MODELS, [name])
        model, dimension = further.find_model(self._session, name)
        halves = storable_vectors(vectors, count=len(keys), dimension=dimension)
        given = {int(key): half for key, half in zip(keys, halves, strict=True)}
        self._reading(Of.IMAGES, given)
        there, new = further.put_vectors(self._session, model, given)
        self.notes.added[f"{tallies.MODEL}{model}"] += new
        self.notes.wrote.note(Of.MODEL_VECTORS, given)
        return there

    def begin_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that kept bytes are about to be deleted; see `Transaction`."""
        stale = self._session.rows("DELETE FROM ours.deleting WHERE until < %s RETURNING id", (until - STALE_MARK_S,))
        marked = list(dict.fromkeys(ids))
        self._session.change(_MARK, (until, marked))
        self.notes.wrote.note(Of.DELETING, [*marked, *(image_id for (image_id,) in stale)])

    def end_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that this is done; see `Transaction`."""
        statement = "DELETE FROM ours.deleting WHERE id = ANY(%s::text[]) AND until = %s"
        if self._session.change(statement, (list(ids), until)):
            self.notes.wrote.note(Of.DELETING, ids)

    def put_devices(self, devices: Mapping[str, str]) -> None:
        """Remember the devices of folders; see `Transaction`."""
        self._put_setting("devices", dict(devices))

    def put_out_of_sight(self, folders: Mapping[str, Sequence[str]]) -> None:
        """Remember below which folders files are out of sight; see `Transaction`."""
        self._put_setting("out of sight", {folder: list(paths) for folder, paths in folders.items()})

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Add a further model; see `Catalog`."""
        there = self.further_models()
        if check_further_model(name, model_id, dimension, own_model_id=self._model_id, there=there):
            further.add(self._session, name, model_id, dimension)
            self.notes.wrote.note(Of.MODELS, [name])

    def drop_further_model(self, name: str) -> None:
        """Forget a further model; see `Catalog`."""
        self._reading(Of.MODELS, [name])
        self._reading_all(Of.MODEL_VECTORS)
        model, count = further.drop(self._session, name)
        self.notes.added[f"{tallies.MODEL}{model}"] -= count
        self.notes.wrote.note(Of.MODELS, [name])
        self.notes.wrote.note_whole(Of.MODEL_VECTORS)
        self.notes.wrote.note(Of.PROJECTIONS, [name])

    def put_projection(self, new: StoredProjection, *, after: int, model: str = MAIN) -> int:
        """Add a version of a model's projection; see `Transaction`."""
        self._reading(Of.PROJECTIONS, [model])
        version = projections.put(self._session, new, after=after, model=model)
        self.notes.wrote.note(Of.PROJECTIONS, [model])
        self.notes.moves_feed = self.notes.moves_feed or model == MAIN
        return version

    def take_lease(self, name: str, holder: str, *, lasts_s: int) -> Lease | None:
        """Be the one who may do something; see `Transaction`."""
        lease = grant_lease(self.lease(name), name, holder, now_s=self._now_s, lasts_s=lasts_s)
        if lease is not None:
            self._put_lease(lease)
        return lease

    def end_lease(self, lease: Lease) -> None:
        """Let it go before it ends; see `Transaction`."""
        left = cut_lease(self.lease(lease.name), lease, now_s=self._now_s)
        if left is not None:
            self._put_lease(left)

    def _put_lease(self, lease: Lease) -> None:
        leases.put(self._session, lease)
        self.notes.wrote.note(Of.LEASES, [lease.name])

    def _put_setting(self, name: str, value: object) -> None:
        self._session.change(_PUT_SETTING, (name, json.dumps(value)))
        self.notes.wrote.note(Of.SETTINGS, [name])

    def _find_known(self, ids: Iterable[str]) -> dict[str, Known]:
        """All that were ever taken in, by id."""
        rows = self._session.rows(_KNOWN, (possible_ids(ids),))
        return {image_id: Known(key, removed, metadata_of(text)) for image_id, key, removed, text in rows}

    def _find_existing(self, ids: Iterable[str]) -> dict[str, Known]:
        """Those that are there, by id, in the order given. What is decided by it is what is written on."""
        wanted = list(dict.fromkeys(ids))
        self._reading(Of.IMAGES, wanted)
        known = self._find_known(wanted)
        return {image_id: known[image_id] for image_id in wanted if image_id in known and not known[image_id].removed}

    def _take_back(self, ids: Sequence[str]) -> dict[str, Metadata]:
        """What is kept of these, which is kept no longer."""
        kept = forgotten.read_kept(self._session, ids) if ids else {}
        if kept:
            self.notes.added["forgotten"] -= forgotten.drop(self._session, kept)
            self.notes.wrote.note(Of.FORGOTTEN, kept)
            self._returned.update(kept)
        return kept

    def _drop_older(self) -> None:
        dropped = forgotten.drop_older(self._session, before_s=self._now_s - self._keep_days * DAY_S)
        if dropped:
            self.notes.added["forgotten"] -= dropped
            self.notes.wrote.note_whole(Of.FORGOTTEN)
