"""From a file to a vector, on the threads of an ingest: read, recognise, decode, embed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.core.ending import carried
from lookalike.core.errors import ImageRefused
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.embedding.base import Embedder
from lookalike.images.decode import DecodedImage, decode
from lookalike.images.files import content_id, read_file
from lookalike.images.limits import ImageLimits
from lookalike.images.walk import FoundFile

AT_ONCE = 4
"""Files that a thread takes together: their vectors are computed in one go, which is 7 % faster than one by one."""

_CHUNKS_AHEAD = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A picture that may be new.

    Attributes:
        record: its facts.
        vector: shape (D,), float16.
        lacks_its_end: see `DecodedImage`.
    """

    record: ImageRecord
    vector: NDArray[np.float16]
    lacks_its_end: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A file that holds a picture.

    Attributes:
        file: where it lies.
        embedded: what was computed; None where the picture was known by its content.
    """

    file: FileRecord
    embedded: Embedded | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that holds none that can be used.

    Attributes:
        found: the file.
        error: why; without a traceback, which would keep the bytes of the file in memory.
    """

    found: FoundFile
    error: ImageRefused


def embed_bytes(data: bytes, image_id: str, embedder: Embedder, *, limits: ImageLimits) -> Embedded:
    """Decode a file's bytes and compute its vector.

    Raises:
        ImageRefused: when the picture is not taken in.
    """
    image = decode(data, min_side=embedder.card.input_side, limits=limits)
    return Embedded(_record(image, image_id, len(data)), embedder.embed([image.pixels])[0].astype(np.float16))


class FileEmbedder:
    """Takes files in; each picture is computed once, however many files hold it.

    Args:
        embedder: computes the vectors.
        known: ids of pictures whose vectors are in the catalog; grows through `committed`.
        limits: what a picture may cost.
    """

    def __init__(self, embedder: Embedder, known: set[str], *, limits: ImageLimits) -> None:
        self._embedder = embedder
        self._known = known
        self._limits = limits
        self._mutex = threading.Lock()
        self._under_way: dict[str, Future[Embedded | ImageRefused]] = {}

    def take(self, files: Sequence[FoundFile]) -> list[Taken | Refused]:
        """Read files and see what they hold, in order. Safe to call from many threads."""
        mine: list[_Mine] = []
        try:
            seen = [self._seen(found, mine) for found in files]
            self._embed(mine)
        except BaseException as error:
            _fail(mine, error)
            raise
        return [one if isinstance(one, Refused) else _result(one) for one in seen]

    def committed(self, image_ids: Iterable[str]) -> None:
        """Say that these pictures are in the catalog, so that nothing of them need be kept here."""
        with self._mutex:
            for image_id in image_ids:
                self._known.add(image_id)
                self._under_way.pop(image_id, None)

    def removed(self, image_ids: Iterable[str]) -> None:
        """Say that these pictures are not in the catalog any more: files that hold them are computed again."""
        with self._mutex:
            self._known.difference_update(image_ids)

    def _seen(self, found: FoundFile, mine: list[_Mine]) -> _Seen | Refused:
        """Read a file. A picture that nobody has computed or is computing is decoded, and put on the list."""
        try:
            content = read_file(found.path, limits=self._limits)
        except ImageRefused as error:
            return Refused(found, _bare(error))
        image_id = content_id(content.data)
        file = FileRecord(found.path, image_id, content.size_bytes, content.mtime_ns)
        with self._mutex:
            if image_id in self._known:
                return _Seen(found, file, None)
            future = self._under_way.get(image_id)
            if future is not None:
                return _Seen(found, file, future)
            self._under_way[image_id] = future = Future()
        claimed = _Mine(file, future)
        mine.append(claimed)
        try:
            claimed.image = decode(content.data, min_side=self._embedder.card.input_side, limits=self._limits)
        except ImageRefused as error:
            future.set_result(_bare(error))
        return _Seen(found, file, future)

    def _embed(self, mine: Sequence[_Mine]) -> None:
        """Compute the vectors of what was decoded, and give them to all that wait."""
        images = [(one, one.image) for one in mine if one.image is not None]
        vectors = self._embedder.embed([image.pixels for _, image in images]).astype(np.float16)
        for (one, image), vector in zip(images, vectors, strict=True):
            record = _record(image, one.file.image_id, one.file.size_bytes)
            one.future.set_result(Embedded(record, vector, image.lacks_its_end))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A file that was read; `future` is None where its picture is in the catalog."""

    found: FoundFile
    file: FileRecord
    future: Future[Embedded | ImageRefused] | None


@dataclass(slots=True, eq=False)
class _Mine:
    """A picture that this thread computes; without an image where it was refused."""

    file: FileRecord
    future: Future[Embedded | ImageRefused]
    image: DecodedImage | None = None


def _result(one: _Seen) -> Taken | Refused:
    outcome = one.future.result() if one.future is not None else None
    return Refused(one.found, outcome) if isinstance(outcome, ImageRefused) else Taken(one.file, outcome)


def _bare(error: ImageRefused) -> ImageRefused:
    """The same refusal without traceback and cause."""
    return ImageRefused(str(error), code=error.code, values=error.values)


def _fail(mine: Sequence[_Mine], error: BaseException) -> None:
    for one in mine:
        if not one.future.done():
            one.future.set_exception(error)


def _record(image: DecodedImage, image_id: str, size_bytes: int) -> ImageRecord:
    return ImageRecord(
        id=image_id,
        width=image.width,
        height=image.height,
        format=image.format,
        size_bytes=size_bytes,
        taken_at=image.taken_at,
        camera=image.camera,
    )


def taken(
    files: Iterable[Item], take: Callable[[Sequence[Item]], list[Result]], *, threads: int
) -> Generator[Result, None, None]:
    """Take files (or other things) in on several threads, in order, a few at a time, with a bounded number under way.

    When the caller stops early, what has not begun is dropped and what has begun is waited for.
    """
    waiting = iter(files)
    chunks = iter(lambda: list(islice(waiting, AT_ONCE)), [])
    take = carried(take)
    with ThreadPoolExecutor(threads, thread_name_prefix="lookalike-embed") as pool:
        try:
            under_way = deque(pool.submit(take, chunk) for chunk in islice(chunks, threads * _CHUNKS_AHEAD))
            while under_way:
                yield from under_way.popleft().result()
                under_way.extend(pool.submit(take, chunk) for chunk in islice(chunks, 1))
        finally:
            pool.shutdown(cancel_futures=True)
