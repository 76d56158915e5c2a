"""The public object: what a user can do with a set of pictures.

A search is a short command: what it needs is imported here, and each other pipeline where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import MAIN, FurtherModel
from lookalike.catalog.dateless import without_date
from lookalike.catalog.known_fields import check_fields
from lookalike.core.counts import as_count
from lookalike.core.errors import (
    BadFilter,
    BadQuery,
    CollectionError,
    NotIndexed,
    ReadOnly,
)
from lookalike.core.filters import Filter
from lookalike.core.options import tells_options
from lookalike.core.records import Metadata
from lookalike.core.vectors import Pixels, Vectors, as_vectors
from lookalike.images.decode import decode
from lookalike.images.files import OpenFile
from lookalike.images.pictures import Picture, bytes_of_picture, pixels_of_picture
from lookalike.ingest.remove import remove_pictures
from lookalike.parts.collection_info import CollectionInfo, info_of
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Hit, Reply
from lookalike.parts.stored_bytes import open_stored, read_stored, stored_if_there
from lookalike.results import SearchResult
from lookalike.search.opinions import Opinions
from lookalike.search.query import Crop, SourceKind, Term
from lookalike.search.query_vector import mixed_vector
from lookalike.search.search import Wanted, search
from lookalike.search.search_options import Collapse, SearchOptions
from lookalike.search.stored_pictures import Numbered, StoredPicture, next_pictures, spread_pictures, stored_picture
from lookalike.search.timings import Timings
from lookalike.search.understand import Understood, queries_of, understand, understand_all, whole_picture
from lookalike.search.where import Where, read_filter
from lookalike.view.facts import IndexFacts
from lookalike.view.index_upkeep import IndexUpkeep

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from PIL import Image

    from lookalike.duplicates.result import Duplicates
    from lookalike.embedding.base import Embedder
    from lookalike.further.further_models import FurtherReport
    from lookalike.ingest.ingest import Acknowledge, Progress
    from lookalike.ingest.ingest_report import IngestReport
    from lookalike.ingest.metadata import MetadataReport, MetadataTable
    from lookalike.models.card import ModelCard
    from lookalike.models.store import ModelFile
    from lookalike.search.fusion import Weight
    from lookalike.search.local_features import Match
    from lookalike.storage.output_file import Precious
    from lookalike.transfer import ImportReport
    from lookalike.uploads.direct_upload import CheckedUpload
    from lookalike.uploads.verify_upload import Tolerance, UploadedPicture, Verification


class Collection:
    """A set of pictures that can be searched by picture. Made by `lookalike.open`.

    Safe to use from many threads and processes: what is written is committed bit by bit, so that nobody waits for more
    than another's commit. A context manager that closes it.
    """

    def __init__(self, parts: Parts, *, threads: int, read_only: bool, upkeep: bool = True) -> None:
        self._kept = parts
        self._threads = threads
        self._read_only = read_only
        self._has_written = False
        self._closed = False
        self._opinions = Opinions(threads=threads, may_write=not read_only)
        self._upkeep = IndexUpkeep(parts.view, may_write=not read_only, beside=upkeep)

    @property
    def path(self) -> Path | None:
        """The collection's folder; None in memory."""
        return self._kept.folder

    @property
    def _parts(self) -> Parts:
        """What everything is done with, while the collection is open."""
        if self._closed:
            raise CollectionError("expected an open collection, got one that is closed: open it again")
        return self._kept

    def __len__(self) -> int:
        return self._parts.catalog.facts().images

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and bool(self._parts.catalog.keys([image_id]))

    def __repr__(self) -> str:
        held = "closed" if self._closed else f"{len(self)} pictures"
        return f"<Collection {str(self.path) if self.path else 'in memory'}: {held}>"

    def __enter__(self) -> Self:
        _ = self._parts
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Save the index, and let go of files and locks. Idempotent."""
        self._upkeep.join()
        if not self._closed and self._has_written and self._kept.view.loaded:
            self._upkeep.save_if_possible()
        self._closed = True
        self._kept.view.close()
        self._kept.catalog.close()

    @property
    def identity(self) -> str:
        """A random word that no other collection has, whatever its name; '' until something is written."""
        return self._parts.catalog.identity()

    @property
    def is_unchanged(self) -> bool:
        """Whether it is still the collection that was opened, as far as its file's size and time tell. At once."""
        return self._parts.catalog.is_unchanged

    def is_current(self) -> bool:
        """Whether it is still the collection that was opened.

        Another process may have removed it, and made another in its place, or put an older copy there. Then everything
        raises `CollectionReplaced`, or `NoCollection` where there is none: open it again.
        """
        return self._parts.catalog.is_current()

    def let_go(self) -> None:
        """Save the index, and let go of what nobody uses at the moment.

        Unlike after `close`, what is under way goes on; when that has ended, nothing is left open.
        """
        parts = self._parts
        if self._has_written and parts.view.loaded:
            self._upkeep.save_if_possible()
        self._opinions.forget()
        parts.view.close()
        parts.catalog.let_go()

    @tells_options
    def index(
        self,
        *paths: str | os.PathLike[str],
        prune: bool = False,
        forget: Sequence[str | os.PathLike[str]] = (),
        dry_run: bool = False,
        exclude: Sequence[str] = (),
        retry_refused: bool = False,
        metadata: Mapping[str, Metadata] | None = None,
        progress: Progress | None = None,
        acknowledge: Acknowledge | None = None,
    ) -> IngestReport:
        """Take the pictures below folders in. See `lookalike.ingest.ingest.ingest`.

        Args:
            paths: folders and files.
            prune: forget files below them that are gone; what only is out of sight is kept, see `IngestReport.kept`.
            forget: folders and files below which `prune` forgets that, too.
            dry_run: look, and say what would be done.
            exclude: patterns of names or absolute paths to pass over.
            retry_refused: read refused files again although they have not changed.
            metadata: fields by absolute path.
            progress: called with the growing report after each commit.
            acknowledge: called with the files of each commit once that is durable.
        Returns:
            what was done. Files that could not be used are listed in it; they do not stop the run.
        """
        from lookalike.ingest.ingest import IngestOptions, ingest

        options = IngestOptions(
            exclude=exclude,
            prune=prune,
            forget=forget,
            dry_run=dry_run,
            retry_refused=retry_refused,
            threads=self._threads,
        )
        if not dry_run:
            self._begin_writing()
        report = ingest(
            paths, self._parts, options=options, metadata=metadata, progress=progress, acknowledge=acknowledge
        )
        if not dry_run:
            report.without_date = self.without_date()
            self._parts.view.settle()
            self._upkeep.save_if_possible()
        return report

    def label(self, table: MetadataTable) -> MetadataReport:
        """Lay a table of metadata over the pictures that it names. See `lookalike.ingest.metadata`."""
        from lookalike.ingest.metadata import apply_metadata

        self._begin_writing()
        return apply_metadata(self._parts.catalog, table)

    def relabel(self, image_id: str, metadata: Metadata) -> None:
        """Lay fields over those that one picture has; a field given as None is deleted.

        Raises:
            NotIndexed: when it is not in the collection.
            BadInput: when a value is no JSON.
        """
        self._begin_writing()
        with self._parts.catalog.transaction() as transaction:
            if not transaction.merge_metadata({image_id: metadata}):
                raise NotIndexed(f"no picture in the collection has the id {image_id!r}")

    def watch(
        self, *paths: str | os.PathLike[str], stop: Event, on_change: Callable[[], None], debounce_ms: int = 1_600
    ) -> None:
        """Say when something changes below folders, until `stop` is set; the collection's own folder does not count.

        Args:
            paths: folders and files.
            stop: ends the watch within about a second.
            on_change: called on the calling thread, mostly to index the folders again.
            debounce_ms: how long changes are gathered at most, in milliseconds.
        Raises:
            MissingExtra: when watchfiles is not installed.
            StorageFailed: when the system cannot watch so many folders.
        """
        from lookalike.ingest.watch import watch

        folder = self._parts.folder
        own = os.path.join(os.fsdecode(folder.absolute()), "") if folder is not None else None
        watch(
            paths,
            on_change=lambda _: on_change(),
            stop=stop,
            wanted=lambda path: own is None or not os.path.join(path, "").startswith(own),
            debounce_ms=debounce_ms,
        )

    def count(self, *, where: Where = None) -> int:
        """How many pictures pass a filter."""
        filter_ = self._filter(where)
        return len(self._parts.catalog.select(filter_)) if filter_ else len(self)

    def without_date(self) -> int:
        """How many pictures have no date: a filter that asks for one leaves them out."""
        return without_date(self._parts.catalog)

    def add(self, picture: Picture, *, metadata: Metadata | None = None) -> str:
        """Take one picture in.

        A path is indexed where it lies. Bytes are kept in the collection, arrays and Pillow images as PNG.

        Returns:
            the picture's id. Adding the same twice is adding it once.
        Raises:
            ImageRefused: when it is not taken in.
            BadInput: when it is an array of another shape or type.
        """
        from lookalike.ingest.add import add_bytes, add_file

        self._begin_writing()
        if isinstance(picture, str | os.PathLike):
            return add_file(picture, self._parts, metadata=metadata or {})
        return add_bytes(bytes_of_picture(picture, limits=self._parts.limits), self._parts, metadata=metadata or {})

    def check_upload(
        self, data: bytes, *, size_bytes: int, sha256: str, vector: ArrayLike | None, model: str | None
    ) -> CheckedUpload:
        """Look at bytes that a client uploaded, undecoded. See `lookalike.uploads.direct_upload.checked_upload`."""
        from lookalike.uploads.direct_upload import checked_upload

        return checked_upload(data, self._parts, size_bytes=size_bytes, sha256=sha256, vector=vector, model=model)

    def add_provisional(
        self, upload: CheckedUpload, *, metadata: Metadata, claim: str, if_still: Callable[[], bool]
    ) -> bool:
        """Take a picture in by its client's vector. See `lookalike.uploads.direct_upload.add_provisional`."""
        from lookalike.uploads.direct_upload import add_provisional

        self._begin_writing()
        return add_provisional(upload, self._parts, metadata=metadata, claim=claim, if_still=if_still)

    def verify(self, picture: UploadedPicture, *, tolerance: Tolerance) -> Verification:
        """Embed an uploaded picture and compare. See `lookalike.uploads.verify_upload.verify_upload`."""
        from lookalike.uploads.verify_upload import verify_upload

        self._begin_writing()
        return verify_upload(picture, self._parts, tolerance=tolerance)

    @overload
    def search(
        self, query: str | os.PathLike[str] | bytes | Image.Image, **options: Unpack[SearchOptions]
    ) -> SearchResult: ...
    @overload
    def search(self, query: NDArray[Any] | Sequence[Any], **options: Unpack[SearchOptions]) -> Any: ...
    @tells_options
    def search(
        self,
        query: object,
        *,
        k: int = 10,
        where: Where = None,
        crop: str | Crop | None = None,
        recall: float | None = None,
        collapse: Collapse = "none",
        model: str | None = None,
        opinion: str | None = None,
        min_confidence: float | None = None,
        without: str | None = None,
    ) -> SearchResult | list[SearchResult]:
        """Find the k pictures that look most like a query, or like each of several.

        Args:
            query: a picture (path, bytes, Pillow image, array); an id; an http(s) URL; an expression such as
                `"2*a.jpg + b.jpg - c.jpg"`; a raw vector of the collection's model, shape (D,) or (1, D), any real
                dtype, or a list of D numbers; or several: a list of any of these, or vectors of shape (N, D). Which
                array is a picture and which are vectors says `lookalike.search.query_forms`; what could be either is
                refused.
            k: at least 1.
            where: a filter.
            crop: a part of the query picture: `x,y,width,height` in pixels, or in shares with a point.
            recall: the share of the true nearest that is wanted, above 0, at most 1, which compares all; None for what
                the collection is set to.
            collapse: `group` counts near-identical pictures once and names the others in `Hit.group`.
            model: which of the collection's models are weighed, such as `"main + 0.5*fine"`; None for its own.
            opinion: looks at the best again: `local` compares local features and their geometry; a further model's
                name, `int8`, `fp32`, `fine` or a model's path compares by that model.
            min_confidence: 0 to 1: hits of less are left out (see `Hit.confidence`); none are in a collection of few
                pictures, where nothing is known of that.
            without: id of a picture that is passed over, such as that of the query itself; unknown ones are no matter.
        Returns:
            exactly k hits if k pictures (or groups) pass the filter, else all that do; fewer with a least confidence.
            For several queries a list of such results, in their order: their pictures are embedded together, and where
            all vectors are compared, one product of matrices takes the place of many of a vector. The list is empty
            where there are no queries; shape (1, D) is one query, a list of one thing is several.
        Raises:
            BadQuery: when the query, the filter or the crop cannot be understood, or a share is none. What is wrong
                with one of several says which one, from 0; nothing is searched then.
            BadVectors: when a vector is of length 0, not finite or no numbers; DimensionMismatch: of another width.
            ImageRefused: when the query picture cannot be used.
        """
        timings = Timings()
        wanted = self._wanted(k, where, recall, collapse, model, opinion, min_confidence)
        if without is not None:
            wanted = replace(wanted, without=self._parts.catalog.keys([without]).get(without))
        if not self._parts.view.loaded:
            with timings.stage("refresh"):  # while the model may still be opening
                self._parts.view.refresh()
        with timings.stage("embed"):
            queries = queries_of(query, self._parts)
            understood = understand_all(
                queries,
                self._parts,
                models=[one.name for one in wanted.mixture] or [MAIN],
                crop=Crop.parse(crop) if isinstance(crop, str) else crop,
                for_opinion=wanted.opinion is not None,
                stored=self._bytes_of,
            )
        if not queries.several:
            reply = search(understood[0].query, self._parts, wanted=wanted, timings=timings)
            return self._results(queries.each, understood, [reply])[0]
        return self._searched_together(queries.each, understood, wanted, before_ms=timings.by_stage)

    def _wanted(
        self,
        k: int,
        where: Where,
        recall: float | None,
        collapse: Collapse = "none",
        model: str | None = None,
        opinion: str | None = None,
        min_confidence: float | None = None,
    ) -> Wanted:
        if collapse not in ("none", "group"):
            raise BadQuery(f"expected 'none' or 'group' to collapse, got {collapse!r}")
        return Wanted(
            k=as_count(k, name="k"),
            where=self._filter(where),
            recall=recall,
            grouped=collapse == "group",
            mixture=self._mixture(model),
            opinion=self._opinions.get(opinion, self._parts) if opinion is not None else None,
            min_confidence=min_confidence,
        )

    def _searched_together(
        self,
        asked: Sequence[Picture],
        understood: Sequence[Understood],
        wanted: Wanted,
        *,
        before_ms: dict[str, float] | None = None,
    ) -> list[SearchResult]:
        from lookalike.search.search_many import search_many

        replies = search_many([one.query for one in understood], self._parts, wanted, before_ms=before_ms)
        return self._results(asked, understood, replies)

    def _results(
        self, asked: Sequence[Picture], understood: Sequence[Understood], replies: Sequence[Reply]
    ) -> list[SearchResult]:
        if not all(reply.cached for reply in replies):
            self._upkeep.look_after()
        return [
            SearchResult(
                reply,
                query=one.text,
                query_pixels=one.pixels,
                load_pixels=self.thumbnail,
                precious=self.precious(query),
            )
            for query, one, reply in zip(asked, understood, replies, strict=True)
        ]

    @property
    def compares_all(self) -> bool:
        """Whether a search compares all pictures, so that several together take little longer than one.

        False, too, before the first search. Costs nothing.
        """
        view = self._parts.view
        return view.loaded and view.facts().recall == 1

    def search_vectors(
        self,
        vectors: Vectors,
        *,
        k: int = 10,
        where: Where = None,
        recall: float | None = None,
        min_confidence: float | None = None,
    ) -> list[SearchResult]:
        """Find the k pictures nearest to each of several vectors. See `lookalike.search.search_many`.

        Args:
            vectors: shape (N, D), any real dtype, raw, of the collection's model.
            k: at least 1.
            where: a filter.
            recall: as in `search`.
            min_confidence: as in `search`.
        Returns:
            for each vector what `search` gives for it alone, mostly much sooner than one by one.
        Raises:
            BadVectors: when one of them is not finite, or of length 0.
            DimensionMismatch: when they have another width.
            BadQuery: when the filter cannot be understood, or a share is none.
        """
        given = list(as_vectors(vectors, dimension=self._parts.catalog.dimension))
        understood = [
            understand(one, self._parts, models=[MAIN], crop=None, for_opinion=False, stored=self._bytes_of)
            for one in given
        ]
        return self._searched_together(given, understood, self._wanted(k, where, recall, min_confidence=min_confidence))

    def add_model(
        self,
        name: str,
        source: str | os.PathLike[str],
        *,
        progress: Callable[[FurtherReport], None] | None = None,
    ) -> FurtherReport:
        """Keep vectors of a further model beside the collection's own; see `search(model=...)`.

        Pictures that have one already are passed over, so that a run that was ended goes on, and a later one does what
        has come since.

        Args:
            name: under which the model is to be known, such as `fine`.
            source: `int8`, `fp32`, `fine` or the path of an ONNX file.
            progress: called with the growing report.
        Raises:
            ModelUnavailable: when it cannot be opened.
            WrongModel: when the name belongs to another model.
        """
        from lookalike.further.further_models import embed_further

        self._begin_writing()
        embedder = self._parts.models.add(name, os.fsdecode(source))
        return embed_further(
            self._parts, name, embedder, pictures=self._bytes_if_there, threads=self._threads, progress=progress
        )

    def models(self) -> list[FurtherModel]:
        """The further models of the collection."""
        return self._parts.catalog.further_models()

    def drop_model(self, name: str) -> None:
        """Forget a further model and its vectors.

        Raises:
            BadInput: when the collection has no such model.
        """
        self._begin_writing()
        self._parts.catalog.drop_further_model(name)

    def why(self, query: Picture, hit: Hit | str) -> Match:
        """Which points of a picture agree with which of one of the collection's.

        Args:
            query: a picture; an id; or an http(s) URL.
            hit: of a search, or the id of a picture.
        Raises:
            MissingExtra: when OpenCV is not installed.
            BadQuery: when the query is not one picture.
            ImageRefused, NotIndexed, FetchRefused: when one of them cannot be used.
        """
        return self._match(whole_picture(query, self._parts, stored=self._bytes_of), self._bytes_of(_id(hit)))

    def drawing_of(self, query: Picture, hit: Hit | str) -> Pixels:
        """A drawing of what `why` finds: both pictures, lines between agreeing points, the query's frame in the hit.

        Returns:
            shape (H, W, 3), uint8 RGB, a new array.

        Raises:
            MissingExtra, BadQuery, ImageRefused, NotIndexed, FetchRefused: as `why`.
        """
        from lookalike.presentation.matches import matches_picture

        ours, theirs = whole_picture(query, self._parts, stored=self._bytes_of), self._bytes_of(_id(hit))
        drawn = pixels_of_picture(theirs, min_side=None, limits=self._parts.limits)
        return matches_picture(ours, drawn, self._match(ours, theirs))

    def _match(self, query: Pixels, hit: bytes) -> Match:
        from lookalike.search.local_features import HIT_SIDE, why

        seen = decode(hit, min_side=HIT_SIDE, limits=self._parts.limits)
        return why(query, seen.pixels, hit_size=(seen.width, seen.height))

    def duplicates(
        self,
        *,
        threshold: float | None = None,
        where: Where = None,
        keep: str | Sequence[str] = "best",
        progress: Callable[[int, int], None] | None = None,
    ) -> Duplicates:
        """Find pictures that are there several times. See `lookalike.duplicates.find.find_duplicates`.

        Args:
            threshold: cosine, -1 to 1, that pictures must have to be looked at again; None: a low one.
            where: a filter: only pictures (and files) that pass.
            keep: how the one to keep is chosen: `best`, `oldest`, `newest`, `largest`, a folder or a pattern of
                paths; of several, what the first leaves undecided the next decides.
            progress: told how many of how many pictures have been compared.
        Raises:
            BadInput: when `threshold` is no cosine, or `keep` is empty.
        """
        from lookalike.duplicates.find import THRESHOLD, find_duplicates

        self._parts.view.refresh()
        return find_duplicates(
            self._parts.catalog,
            self._parts.view,
            pictures=self._bytes_if_there,
            threshold=THRESHOLD if threshold is None else threshold,
            where=self._filter(where),
            keep=[keep] if isinstance(keep, str) else keep,
            threads=self._threads,
            limits=self._parts.limits,
            progress=progress,
        )

    def precious(self, query: Picture | None) -> Precious:
        """What no output of ours may take the place of: the files of a query, and every picture of the collection.

        Args:
            query: as in `search`; None where there is none.
        """
        from lookalike.search.precious import precious_files

        return precious_files(self._parts.catalog, query)

    def export_to(
        self,
        path: str | os.PathLike[str],
        *,
        where: Where = None,
        progress: Callable[[int, int], None] | None = None,
        force: bool = False,
    ) -> int:
        """Write pictures, files, metadata and vectors into one file. See `lookalike.transfer`.

        Args:
            path: of the file; it ends in `.parquet`, `.jsonl` or `.ndjson` (which hold all), `.csv` (no vectors),
                `.npy` (nothing but vectors) or `.npz` (vectors and ids).
            where: a filter: only pictures that pass.
            progress: told how many of how many pictures are written.
            force: replace whatever file is there; else only an earlier export.
        Returns:
            how many pictures were written.
        Raises:
            WouldOverwrite: when something else is there.
            BadInput, CollectionError, MissingExtra, StorageFailed: as in `export_collection`.
        """
        from lookalike.transfer import export_collection

        return export_collection(
            self._parts.catalog,
            path,
            where=self._filter(where),
            progress=progress,
            precious=self.precious(None),
            force=force,
        )

    def import_from(
        self, path: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
    ) -> ImportReport:
        """Take in what `export_to` has written; nothing is embedded again. See `lookalike.transfer`.

        Args:
            path: of the file, `.parquet`, `.jsonl` or `.ndjson`.
            progress: told how many of how many rows are done.
        Raises:
            BadInput: when it is no export that holds all, or damaged; whole batches before that have been taken in.
            WrongModel: when it is of another model: a new collection has to be opened with that of the file.
            MissingExtra: when it is Parquet and pyarrow is not installed.
        """
        from lookalike.transfer import import_collection

        self._begin_writing()
        report = import_collection(self._parts.catalog, path, progress=progress)
        self._parts.view.settle()
        self._upkeep.save_if_possible()
        return report

    def embed(self, *pictures: Picture) -> Vectors:
        """Compute the raw vectors of pictures, without taking them in.

        Returns:
            shape (N, D), float32, rows of length 1.
        Raises:
            ImageRefused, BadInput: when one cannot be used.
        """
        return self._parts.embedder.embed([self._pixels(picture) for picture in pictures])

    def get(self, image_id: str) -> StoredPicture:
        """Look a picture up by its id, or by the beginning of it, at least 8 digits.

        Raises:
            NotIndexed: when it is not in the collection, or several ids begin so; names two of those.
        """
        return stored_picture(image_id, self._parts)

    def page(self, *, where: Where = None, after: int = 0, limit: int = 50) -> Numbered:
        """Go through the pictures in the order in which they came.

        Args:
            where: a filter: only pictures that pass.
            after: the number of the last picture seen; 0 to begin.
            limit: at most so many.
        Returns:
            pictures with their numbers, which only grow.
        Raises:
            BadQuery: when `after` or `limit` is no whole number, or below 0, or the filter cannot be understood.
        """
        catalog = self._parts.catalog
        return next_pictures(catalog, catalog.select(self._filter(where)), after=after, limit=limit)

    def spread(self, count: int, *, where: Where = None) -> Numbered:
        """Pictures from all over the collection, evenly spaced in the order in which they came.

        The same ones as long as the collection does not change. Nothing but their numbers is looked at, so that it
        costs what a page of the list costs.

        Args:
            count: how many, at least 1; fewer come where there are fewer.
            where: a filter: only pictures that pass.
        Returns:
            pictures with their numbers, as `page` gives them.
        Raises:
            BadQuery: when `count` is no whole number, or below 1, or the filter cannot be understood.
        """
        catalog = self._parts.catalog
        return spread_pictures(catalog, catalog.select(self._filter(where)), count=count)

    def bytes_of(self, image_id: str) -> bytes:
        """The bytes of a picture, from any file that still holds it.

        Raises:
            NotIndexed: when it is not in the collection.
            ImageRefused: when all of its files are gone or hold other pictures now.
        """
        return self._bytes_of(self.get(image_id).image.id)

    def open_bytes_of(self, image_id: str) -> OpenFile:
        """The same as an open file, so that it need not be in memory as a whole. Raises as `bytes_of`.

        A file of the user's may be written to while it is read: whoever must have the very bytes hashes them again.
        """
        return open_stored(self.get(image_id).image.id, self._parts)

    def small(self, image_id: str, *, min_side: int) -> Pixels:
        """A small version of a picture: shape (H, W, 3), uint8 RGB. Raises as `bytes_of`.

        Args:
            image_id: of the picture.
            min_side: H and W are not smaller where it has such pixels.
        """
        return decode(self.bytes_of(image_id), min_side=min_side, limits=self._parts.limits).pixels

    def mixed(
        self, vector: Vectors | None, *, more: Sequence[str] = (), less: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """A vector that is moved towards some of the collection's pictures and away from others.

        Args:
            vector: to begin with, shape (D,), float32, of length 1; None to begin with nothing.
            more: ids of those.
            less: ids of the others.
        Returns:
            shape (D,), float32, of length 1.
        Raises:
            NotIndexed: when one of them is not in the collection.
            BadQuery: when nothing is left, or nothing was given.
        """
        terms = [Term(SourceKind.ID, one) for one in more] + [Term(SourceKind.ID, one, -1.0) for one in less]
        if not terms and vector is None:
            raise BadQuery("expected a vector or ids of pictures to be mixed, got neither")
        if not terms:
            return np.asarray(vector, np.float32)
        return mixed_vector(vector, terms, self._parts)

    @property
    def embedder(self) -> Embedder:
        """What computes the vectors of the collection's own model."""
        return self._parts.embedder

    def model_file(self, name: str = MAIN) -> ModelFile:
        """The file of the collection's own model, or of a further one.

        Raises:
            BadQuery: when the collection has no such model.
            ModelUnavailable: when its file cannot be read.
        """
        return self._parts.models.file(name)

    def model_card(self, name: str = MAIN) -> ModelCard:
        """What the collection's own model is, or a further one. Raises as `model_file`."""
        return self._parts.models.embedder(name).card

    def remove(self, *ids_or_paths: str | os.PathLike[str], where: Where = None, forever: bool = False) -> int:
        """Remove pictures from the collection; their files stay where they are.

        Their metadata is kept as long as `keep_removed_days` says, and returns with a picture that is taken in again.
        Of many, a thousand are removed at a time, between which others may write.

        Args:
            ids_or_paths: ids, or paths of indexed files; a path takes its whole picture away, copies included.
            where: a filter; all pictures that pass it are removed too.
            forever: keep nothing, also of pictures that were removed before and are given by their ids.
        Returns:
            how many pictures were removed; with `forever` also those of which only metadata was kept.
        Raises:
            NotIndexed: when one of them is not in the collection; nothing is removed then.
            BadFilter: when the filter cannot be understood, or asks nothing, so that every picture would go.
        """
        filter_ = self._filter(where)
        if where is not None and not filter_:
            raise BadFilter("expected a filter that asks something: this one would remove every picture")
        self._begin_writing()
        return remove_pictures(
            self._parts.catalog,
            self._parts.objects,
            named=[os.fsdecode(one) for one in ids_or_paths],
            where=filter_,
            forever=forever,
        )

    def keeps_metadata_of(self, image_id: str) -> bool:
        """Whether metadata is kept of a picture that was removed."""
        return image_id in self._parts.catalog.find_forgotten(image_id)

    def rebuild(self) -> IndexFacts:
        """Make the index anew, now, and save it.

        As the collection was opened to have it: see `engine`, `recall` and `memory` of `lookalike.open`.

        Returns:
            what was made.
        Raises:
            BadInput: when the factory string is none, or the memory budget is too small; the last index stays.
            StorageFailed: when it cannot be saved.
        """
        self._begin_writing()
        self._parts.view.rebuild()
        self._parts.view.save()
        return self._parts.view.facts()

    def info(self) -> CollectionInfo:
        """Count what is there."""
        self._parts.view.refresh()
        self._upkeep.look_after()
        return info_of(self._parts)

    def thumbnail(self, hit: Hit, *, min_side: int = 224) -> Pixels:
        """A small version of a hit's picture, from any of the files that hold it: shape (H, W, 3), uint8 RGB.

        Raises:
            ImageRefused: when all of its files are gone or hold other pictures now.
            NotIndexed: when it was removed and has no file.
        """
        return decode(self._bytes_of(hit.id, first=hit.path), min_side=min_side, limits=self._parts.limits).pixels

    def _bytes_if_there(self, image_id: str) -> bytes | None:
        return stored_if_there(image_id, self._parts)

    def _bytes_of(self, image_id: str, *, first: str | None = None) -> bytes:
        return read_stored(image_id, self._parts, first=first)

    def _pixels(self, picture: Picture) -> Pixels:
        return pixels_of_picture(picture, min_side=self._parts.embedder.card.input_side, limits=self._parts.limits)

    def _mixture(self, text: str | None) -> tuple[Weight, ...]:
        if text is None:
            return ()
        from lookalike.search.fusion import parse_mixture

        mixture = parse_mixture(text, [model.name for model in self._parts.catalog.further_models()])
        return () if [one.name for one in mixture] == [MAIN] else mixture

    def _filter(self, where: Where) -> Filter:
        """Read a filter whose fields are all known."""
        filter_ = read_filter(where)
        if filter_:
            check_fields(filter_, self._parts.catalog)
        return filter_

    def _begin_writing(self) -> None:
        """Before anything is computed that could not be kept; what is written locks out others commit by commit."""
        _ = self._parts
        if self._read_only:
            raise ReadOnly(f"{self.path}: the collection was opened for reading only")
        self._has_written = True


def _id(hit: Hit | str) -> str:
    return hit if isinstance(hit, str) else hit.id
