"""The facade: what a user can do with a set of pictures.

A search is a short command: what it needs is imported here, and each other flow where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from numpy.typing import NDArray

from lookalike.catalog.base import MAIN
from lookalike.catalog.dateless import without_date
from lookalike.collection.models import Models
from lookalike.collection.open_parts import OpenParts
from lookalike.collection.pictures import Pictures
from lookalike.collection.searches import Searches
from lookalike.core.arguments import check_instance, checks_arguments
from lookalike.core.errors import BadFilter
from lookalike.core.records import Metadata
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.images.pictures import Picture, bytes_of_picture
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Hit
from lookalike.results import SearchResult
from lookalike.search.search import search
from lookalike.search.search_options import Collapse, SearchOptions
from lookalike.search.stored_pictures import StoredPicture
from lookalike.search.timings import Timings
from lookalike.search.understand import queries_of, understand_all
from lookalike.search.where import Where
from lookalike.view.facts import IndexFacts

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.duplicates.result import Duplicates
    from lookalike.further.further_models import FurtherReport
    from lookalike.images.crop import Crop
    from lookalike.ingest.ingest import Acknowledge, Progress
    from lookalike.ingest.ingest_report import IngestReport
    from lookalike.ingest.metadata import MetadataReport, MetadataTable
    from lookalike.parts.collection_info import CollectionInfo
    from lookalike.search.local_features import Match
    from lookalike.transfer import ImportReport


class Collection:
    """A set of pictures that can be searched by picture. Made by `lookalike.open`.

    Safe to use from many threads and processes: what is written is committed bit by bit, so that nobody waits for more
    than another's commit. A context manager that closes it.

    Attributes:
        pictures: single pictures: looked up, listed, labelled, shown small.
        models: the models: the collection's own and further ones.
    """

    def __init__(self, parts: Parts, *, threads: int, read_only: bool, upkeep: bool = True) -> None:
        self._open = OpenParts(parts, threads=threads, read_only=read_only, upkeep=upkeep)
        self.pictures = Pictures(self._open)
        self.models = Models(self._open)
        self._searches = Searches(self._open, self.pictures)

    @property
    def path(self) -> Path | None:
        """The collection's folder; None in memory."""
        return self._open.folder

    @property
    def _parts(self) -> Parts:
        return self._open.parts

    def __len__(self) -> int:
        return self._parts.catalog.facts().images

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and bool(self._parts.catalog.keys([image_id]))

    def __repr__(self) -> str:
        what = "closed" if self._open.is_closed else f"{len(self)} pictures"
        return f"<Collection {str(self.path) if self.path else 'in memory'}: {what}>"

    def __enter__(self) -> Self:
        _ = self._parts
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Save the index, and let go of files and locks. Idempotent."""
        self._open.close()

    @checks_arguments()
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
        Raises:
            BadInput, MissingExtra: before any picture is, when the engine that was asked for can never be had.
        """
        from lookalike.ingest.ingest import IngestOptions, ingest

        options = IngestOptions(
            exclude=exclude,
            prune=prune,
            forget=forget,
            dry_run=dry_run,
            retry_refused=retry_refused,
            threads=self._open.threads,
        )
        if not dry_run:
            self._open.begin_writing()
        self._parts.view.check_wish()
        report = ingest(
            paths, self._parts, options=options, metadata=metadata, progress=progress, acknowledge=acknowledge
        )
        if not dry_run:
            report.without_date = without_date(self._parts.catalog)
            self._parts.view.settle()
            self._open.keeper.save_if_possible()
        return report

    @checks_arguments()
    def label(self, table: MetadataTable) -> MetadataReport:
        """Lay a table of metadata over the pictures that it names. See `lookalike.ingest.metadata`."""
        from lookalike.ingest.metadata import MetadataTable, apply_metadata

        self._open.begin_writing()
        check_instance(table, "table", MetadataTable, "a table that `read_metadata` has read")
        return apply_metadata(self._parts.catalog, table)

    @checks_arguments()
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

        check_instance(stop, "stop", Event, "a threading.Event")
        folder = self._parts.folder
        own = os.path.join(os.fsdecode(folder.absolute()), "") if folder is not None else None
        watch(
            paths,
            on_change=lambda _: on_change(),
            stop=stop,
            wanted=lambda path: own is None or not os.path.join(path, "").startswith(own),
            debounce_ms=debounce_ms,
        )

    @checks_arguments()
    def count(self, *, where: Where = None) -> int:
        """How many pictures pass a filter."""
        filter_ = self._open.filter(where)
        return self._parts.catalog.count(filter_) if filter_ else len(self)

    @checks_arguments()
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

        self._open.begin_writing()
        if isinstance(picture, str | os.PathLike):
            return add_file(picture, self._parts, metadata=metadata or {})
        return add_bytes(bytes_of_picture(picture, limits=self._parts.limits), self._parts, metadata=metadata or {})

    @overload
    def search(
        self, query: str | os.PathLike[str] | bytes | Image.Image, **options: Unpack[SearchOptions]
    ) -> SearchResult: ...
    @overload
    def search(self, query: NDArray[Any] | Sequence[Any], **options: Unpack[SearchOptions]) -> Any: ...
    @checks_arguments(but=("k",))
    def search(
        self,
        query: object,
        *,
        k: int = 10,
        where: Where = None,
        crop: str | Crop | None = None,
        recall: float | None = None,
        collapse: Collapse = "none",
        mixture: str | None = None,
        rerank: str | None = None,
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
            mixture: its models that are mixed, with their weights, such as `"main + 0.5*fine"`; None for its own.
            rerank: reranks the best: `local` compares local features and their geometry; a further model's
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
        wanted = self._searches.read_wanted(k, where, recall, collapse, mixture, rerank, min_confidence, without)
        if not self._parts.view.loaded:
            with timings.stage("refresh"):  # while the model may still be opening
                self._parts.view.refresh()
        with timings.stage("embed"):
            queries = queries_of(query, self._parts)
            understood = understand_all(
                queries,
                self._parts,
                models=[one.name for one in wanted.mixture] or [MAIN],
                crop=_crop(crop),
                for_reranking=None if wanted.rerank is None else wanted.rerank.see,
                stored=self._open.bytes_of,
            )
        if not queries.several:
            reply = search(understood[0].query, self._parts, wanted=wanted, timings=timings)
            return self._searches.results(queries.each, understood, [reply])[0]
        return self._searches.together(queries.each, understood, wanted, before_ms=timings.by_stage)

    @checks_arguments()
    def add_model(
        self,
        name: str,
        source: str | os.PathLike[str],
        *,
        progress: Callable[[FurtherReport], None] | None = None,
    ) -> FurtherReport:
        """Keep vectors of a further model beside the collection's own; see `Models.add`.

        Args:
            name: under which the model is to be known, such as `fine`.
            source: `int8`, `fp32`, `fine` or the path of an ONNX file.
            progress: called with the growing report.
        Raises:
            ModelUnavailable: when it cannot be opened.
            WrongModel: when the name belongs to another model.
        """
        return self.models.add(name, source, progress=progress)

    @checks_arguments()
    def drop_model(self, name: str) -> None:
        """Forget a further model and its vectors.

        Raises:
            BadInput: when the collection has no such model.
        """
        self.models.drop(name)

    @checks_arguments()
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
        from lookalike.collection.matching import match_with

        return match_with(query, _id(hit), self._open)

    @checks_arguments()
    def drawing_of(self, query: Picture, hit: Hit | str) -> Pixels:
        """A drawing of what `why` finds: both pictures, lines between agreeing points, the query's frame in the hit.

        Returns:
            shape (H, W, 3), uint8 RGB, a new array.

        Raises:
            MissingExtra, BadQuery, ImageRefused, NotIndexed, FetchRefused: as `why`.
        """
        from lookalike.collection.matching import drawing_of

        return drawing_of(query, _id(hit), self._open)

    @checks_arguments()
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
            pictures=self._open.bytes_if_there,
            threshold=THRESHOLD if threshold is None else threshold,
            where=self._open.filter(where),
            keep=[keep] if isinstance(keep, str) else keep,
            threads=self._open.threads,
            limits=self._parts.limits,
            progress=progress,
        )

    @checks_arguments()
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
        from lookalike.search.precious import precious_files
        from lookalike.transfer import export_collection

        return export_collection(
            self._parts.catalog,
            path,
            where=self._open.filter(where),
            progress=progress,
            precious=precious_files(self._parts.catalog, None),
            force=force,
        )

    @checks_arguments()
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
            BadInput, MissingExtra: before it is read, when the engine that was asked for can never be had.
        """
        from lookalike.transfer import import_collection

        self._open.begin_writing()
        self._parts.view.check_wish()
        report = import_collection(self._parts.catalog, path, progress=progress)
        self._parts.view.settle()
        self._open.keeper.save_if_possible()
        return report

    @checks_arguments()
    def embed(self, *pictures: Picture) -> Vectors:
        """Compute the raw vectors of pictures, without taking them in.

        Returns:
            shape (N, D), float32, rows of length 1.
        Raises:
            ImageRefused, BadInput: when one cannot be used.
        """
        seeing = PictureEmbedder(self._parts.embedder, limits=self._parts.limits)
        return seeing.embed([seeing.pixels(picture) for picture in pictures])

    @checks_arguments(but=("image_id",))
    def get(self, image_id: str) -> StoredPicture:
        """Look a picture up by its id, or by the beginning of it, at least 8 digits.

        Raises:
            NotIndexed: when it is not in the collection, or several ids begin so; names two of those.
        """
        return self.pictures.get(image_id)

    @checks_arguments()
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
        from lookalike.ingest.remove import remove_pictures

        filter_ = self._open.filter(where)
        if where is not None and not filter_:
            raise BadFilter(
                "expected a filter that asks something, got one that would remove every picture; delete the "
                "collection's folder to forget all"
            )
        self._open.begin_writing()
        return remove_pictures(
            self._parts.catalog,
            self._parts.objects,
            named=[os.fsdecode(one) for one in ids_or_paths],
            where=filter_,
            forever=forever,
        )

    @checks_arguments()
    def rebuild(self, *, learn: bool = False) -> IndexFacts:
        """Make the index anew, now, and save it.

        As the collection was opened to have it: see `engine`, `recall` and `memory` of `lookalike.open`.

        Args:
            learn: learn the projection anew, too, from all pictures that are there now, which changes similarities a
                little. Without, an index made anew answers as the one before.
        Returns:
            what was made.
        Raises:
            BadInput: when the factory string is none, or the memory budget is too small; the last index stays.
            StorageFailed: when it cannot be saved.
        """
        self._open.begin_writing()
        self._parts.view.rebuild(learn_anew=learn)
        self._parts.view.save()
        return self._parts.view.facts()

    def info(self) -> CollectionInfo:
        """Count what is there."""
        from lookalike.parts.collection_info import info_of

        self._parts.view.refresh()
        self._open.keeper.look_after()
        return info_of(self._parts, not_saved=self._open.keeper.trouble)


def _crop(crop: str | Crop | None) -> Crop | None:
    if crop is None:
        return None

    from lookalike.images.crop import Crop  # which most searches do not need

    if isinstance(crop, str):
        return Crop.parse(crop)
    return check_instance(crop, "crop", Crop, "a lookalike.Crop, or as x,y,width,height")


def _id(hit: Hit | str) -> str:
    return hit if isinstance(hit, str) else check_instance(hit, "hit", Hit, "a hit of a search, or an id").id
