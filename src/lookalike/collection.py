"""The public object: what a user can do with a set of pictures."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import numpy as np

from lookalike.core.errors import BadInput, BadQuery, ImageRefused, Locked, NotIndexed, ReadOnly, StorageFailed
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord, Metadata
from lookalike.core.vectors import Pixels, Vectors, as_vectors
from lookalike.images.decode import decode
from lookalike.images.files import read_file
from lookalike.pipelines.add import add_bytes
from lookalike.pipelines.ingest import Acknowledge, IngestOptions, Progress, ingest
from lookalike.pipelines.ingest_report import IngestReport
from lookalike.pipelines.parts import Parts
from lookalike.pipelines.pictures import Picture, bytes_of_picture, pixels_of_picture
from lookalike.pipelines.query import LEAST_OF_AN_ID, Crop, SourceKind, parse_query
from lookalike.pipelines.reply import Hit, IndexFacts
from lookalike.pipelines.search import Timings, query_vector, search
from lookalike.pipelines.standard_input import read_standard_input
from lookalike.pipelines.walk import absolute
from lookalike.results import SearchResult

_log = logging.getLogger(__name__)

Where: TypeAlias = "str | Mapping[str, object] | Filter | None"
"""A filter as text (`label = apple and width > 800`), in the API's JSON form, or read already."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture of the collection.

    Attributes:
        image: its facts and metadata.
        files: where it lies; none for one that was added as bytes or pixels.
    """

    image: ImageRecord
    files: tuple[FileRecord, ...]


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """Figures about a collection.

    Attributes:
        path: its folder; None in memory.
        images: pictures.
        files: files that hold them.
        refused: files that were refused and are remembered.
        size_bytes: of the catalog on disk.
        catalog: engine of the catalog.
        model: id of the model; `''` where nothing was indexed yet.
        dimension: of the raw vectors.
        index: the index.
        rebuilt_because: why the index had to be made anew at opening; None where it had not.
    """

    path: Path | None
    images: int
    files: int
    refused: int
    size_bytes: int
    catalog: str
    model: str
    dimension: int
    index: IndexFacts
    rebuilt_because: str | None


class Collection:
    """A set of pictures that can be searched by picture. Made by `lookalike.open`.

    Safe to use from many threads. Many processes may search while one writes; a second one that wants to write is told
    so (`Locked`). A context manager that closes it.
    """

    def __init__(self, parts: Parts, *, threads: int, read_only: bool) -> None:
        self._parts = parts
        self._threads = threads
        self._read_only = read_only

    @property
    def path(self) -> Path | None:
        """The collection's folder; None in memory."""
        return self._parts.folder

    def __len__(self) -> int:
        return self._parts.catalog.facts().images

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and bool(self._parts.catalog.keys([image_id]))

    def __repr__(self) -> str:
        return f"<Collection {str(self.path) if self.path else 'in memory'}: {len(self)} pictures>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Save the index, and let go of files and locks. Idempotent."""
        if self._parts.view.loaded:
            self._save_if_possible()
        self._parts.catalog.close()

    def index(
        self,
        *paths: str | os.PathLike[str],
        prune: bool = False,
        dry_run: bool = False,
        exclude: Sequence[str] = (),
        retry_refused: bool = False,
        metadata: Mapping[str, Metadata] | None = None,
        progress: Progress | None = None,
        acknowledge: Acknowledge | None = None,
    ) -> IngestReport:
        """Take the pictures below folders in. See `lookalike.pipelines.ingest.ingest`.

        Args:
            paths: folders and files.
            prune: forget files below them that are gone.
            dry_run: look, and say what would be done.
            exclude: patterns of names or absolute paths to pass over.
            retry_refused: read refused files again although they have not changed.
            metadata: fields by absolute path.
            progress: called with the growing report after each commit.
            acknowledge: called with the files of each commit once that is durable.
        Returns:
            what was done. Files that could not be used are listed in it; they do not stop the run.
        """
        options = IngestOptions(
            exclude=exclude, prune=prune, dry_run=dry_run, retry_refused=retry_refused, threads=self._threads
        )
        with self._writing():
            try:
                return ingest(
                    paths, self._parts, options=options, metadata=metadata, progress=progress, acknowledge=acknowledge
                )
            finally:
                if not dry_run and sys.exc_info()[0] is not StorageFailed:
                    self._parts.view.refresh()
                    self._save_if_possible()

    def add(self, picture: Picture, *, metadata: Metadata | None = None) -> str:
        """Take one picture in.

        A path is indexed where it lies. Bytes are kept in the collection, arrays and Pillow images as PNG.

        Returns:
            the picture's id. Adding the same twice is adding it once.
        Raises:
            ImageRefused: when it is not taken in.
            BadInput: when it is an array of another shape or type.
        """
        with self._writing():
            if isinstance(picture, str | os.PathLike):
                return self._add_file(os.fsdecode(picture), metadata)
            return add_bytes(bytes_of_picture(picture, limits=self._parts.limits), self._parts, metadata=metadata or {})

    def search(
        self,
        query: Picture,
        *,
        k: int = 10,
        where: Where = None,
        crop: str | Crop | None = None,
    ) -> SearchResult:
        """Find the k pictures that look most like a query.

        Args:
            query: a picture; an id; an http(s) URL; an expression such as `"2*a.jpg + b.jpg - c.jpg"`; or a raw vector,
                shape (D,), of the collection's model.
            k: at least 1.
            where: a filter.
            crop: a part of the query picture: `x,y,width,height` in pixels, or in shares with a point.
        Returns:
            exactly k hits if k pictures pass the filter, else all that do.
        Raises:
            BadQuery: when the query, the filter or the crop cannot be understood.
            ImageRefused: when the query picture cannot be used.
        """
        timings = Timings()
        filter_ = read_filter(where)
        wanted = Crop.parse(crop) if isinstance(crop, str) else crop
        with timings.stage("embed"):
            vector, text, pixels = self._understood(query, wanted)
        reply = search(vector, self._parts, k=k, where=filter_, timings=timings)
        if self._parts.view.worth_saving:
            self._save_if_possible()
        return SearchResult(reply, query=text, query_pixels=pixels, load_pixels=self.thumbnail)

    def embed(self, *pictures: Picture) -> Vectors:
        """Compute the raw vectors of pictures, without taking them in.

        Returns:
            shape (N, D), float32, rows of length 1.
        Raises:
            ImageRefused, BadInput: when one cannot be used.
        """
        return self._parts.embedder.embed([self._pixels(picture) for picture in pictures])

    def get(self, image_id: str) -> StoredPicture:
        """Look a picture up by its id.

        Raises:
            NotIndexed: when it is not in the collection.
        """
        image = self._parts.catalog.images([image_id]).get(image_id)
        if image is None:
            raise NotIndexed(f"no picture in the collection has the id {image_id!r}")
        return StoredPicture(image, tuple(self._parts.catalog.files_of([image_id]).get(image_id, [])))

    def remove(self, *ids_or_paths: str | os.PathLike[str], where: Where = None) -> int:
        """Remove pictures from the collection; their files stay where they are.

        Args:
            ids_or_paths: ids, or paths of indexed files; a path takes its whole picture away, copies included.
            where: a filter; all pictures that pass it are removed too.
        Returns:
            how many pictures were removed.
        Raises:
            NotIndexed: when one of them is not in the collection; nothing is removed then.
        """
        with self._writing():
            ids = {self._id_of(os.fsdecode(one)) for one in ids_or_paths}
            if where is not None:
                ids.update(self._parts.catalog.ids(self._parts.catalog.select(read_filter(where)).tolist()).values())
            with self._parts.catalog.transaction() as transaction:
                removed = transaction.remove_images(sorted(ids))
            self._parts.objects.delete(sorted(ids))
        return removed

    def info(self) -> CollectionInfo:
        """Count what is there."""
        self._parts.view.refresh()
        facts = self._parts.catalog.facts()
        return CollectionInfo(
            path=self.path,
            images=facts.images,
            files=facts.files,
            refused=facts.refused,
            size_bytes=facts.size_bytes,
            catalog=facts.engine,
            model=self._parts.catalog.model_id,
            dimension=self._parts.catalog.dimension,
            index=self._parts.view.facts(),
            rebuilt_because=self._parts.view.rebuilt_because,
        )

    def thumbnail(self, hit: Hit, *, min_side: int = 224) -> Pixels:
        """A small version of a hit's picture.

        Raises:
            ImageRefused: when its file is gone or cannot be used any more.
        """
        return decode(self._bytes_of(hit), min_side=min_side, limits=self._parts.limits).pixels

    def _bytes_of(self, hit: Hit) -> bytes:
        if hit.path is not None:
            return read_file(hit.path, limits=self._parts.limits).data
        return self._parts.objects.get(hit.id)

    def _pixels(self, picture: Picture, *, whole: bool = False) -> Pixels:
        side = None if whole else self._parts.embedder.card.input_side
        return pixels_of_picture(picture, min_side=side, limits=self._parts.limits)

    def _understood(self, query: Picture, crop: Crop | None) -> tuple[Vectors, str, Pixels | None]:
        """The query's raw vector, its text for people, and its picture if it is one."""
        if isinstance(query, np.ndarray) and query.ndim == 1:
            if crop is not None:
                raise BadQuery("a crop needs a picture, got a vector")
            return as_vectors(query, dimension=self._parts.catalog.dimension), "a vector", None
        if isinstance(query, str):
            terms = parse_query(query)
            if len(terms) > 1 or terms[0].kind is SourceKind.ID or terms[0].weight != 1:
                return query_vector(terms, self._parts, fetch=self._fetched, crop=crop), query, None
            query = terms[0].text if terms[0].kind is SourceKind.FILE else self._fetched(terms[0].text)
        text = os.path.basename(query) if isinstance(query, str | os.PathLike) else "the picture given"
        pixels = self._pixels(query, whole=crop is not None)
        pixels = crop.cut(pixels) if crop is not None else pixels
        return self._parts.embedder.embed([pixels]), text, pixels

    def _fetched(self, source: str) -> bytes:
        if source == "-":
            return read_standard_input(max_bytes=self._parts.limits.max_bytes)
        from lookalike.images.fetch import fetch  # brings in http and ssl, which are slow to import

        return fetch(source)

    def _add_file(self, path: str, metadata: Metadata | None) -> str:
        options = IngestOptions(retry_refused=True, threads=1)
        labels = {absolute(path): metadata} if metadata else None
        report = ingest([path], self._parts, options=options, metadata=labels)
        if report.failed:
            raise ImageRefused(f"{path}: {report.failed[0].reason}", code=report.failed[0].code)
        file = self._parts.catalog.file(absolute(path))
        if file is None:
            raise BadInput(f"expected the path of one picture, got {path!r}; folders are taken in with index()")
        return file.image_id

    def _id_of(self, text: str) -> str:
        file = self._parts.catalog.file(absolute(text))
        matches = [file.image_id] if file else []
        if not matches and set(text) <= set("0123456789abcdef") and len(text) >= LEAST_OF_AN_ID:
            matches = self._parts.catalog.find_ids(text)
        if len(matches) != 1:
            what = "several ids begin with" if matches else "neither an indexed path nor an id begins with"
            raise NotIndexed(f"{what} {text!r}; nothing was removed")
        return matches[0]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._parts.catalog.writing():
            yield

    def _save_if_possible(self) -> None:
        """Save the index: a view that costs time, never data, so that a failure is only told to the log."""
        if self._read_only:
            return
        try:
            with self._parts.catalog.writing():
                self._parts.view.save()
        except (Locked, ReadOnly, StorageFailed) as error:
            _log.info("the index was not saved: %s", error)


def read_filter(where: Where) -> Filter:
    """Read a filter in any of its forms.

    Raises:
        BadFilter: when it cannot be understood.
    """
    if where is None:
        return Filter.everything()
    if isinstance(where, Filter):
        return where
    return Filter.parse(where) if isinstance(where, str) else Filter.from_json(where)
