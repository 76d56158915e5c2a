"""From a file to a vector, on the threads of an ingest: read, recognise, decode, embed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.core.ending import carry_ending
from lookalike.core.errors import ImageRefused
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import Pixels, Vectors, narrow
from lookalike.embedding.base import Embedder
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.images.decode import Decode, DecodedImage, decode
from lookalike.images.files import content_id, read_file
from lookalike.images.limits import ImageLimits
from lookalike.images.walk import FoundFile

AT_ONCE = 4
"""Files that a thread takes together: their vectors are computed in one go, which is 7 % faster than one by one."""

_CHUNKS_AHEAD = 4
_MOST_BYTES_AT_ONCE = 16_000_000  # of files that are read before it is looked up which of them are known

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


EmbedOne: TypeAlias = Callable[[Embedder, Pixels], Vectors]
"""Gives the vector of one picture, shape (D,), by an embedder."""


class EmbedBytes(Protocol):
    """What embeds as `embed_bytes` does."""

    def __call__(self, data: bytes, image_id: str, embedder: Embedder, *, limits: ImageLimits) -> Embedded:
        """See `embed_bytes`."""
        ...


def embed_one(embedder: Embedder, pixels: Pixels) -> Vectors:
    """The vector of one picture by itself.

    Args:
        embedder: computes it.
        pixels: shape (H, W, 3), uint8.
    Returns:
        shape (D,), float32, of length 1.
    """
    vectors = embedder.embed([pixels])
    return np.asarray(vectors[0], np.float32)


def embed_bytes(
    data: bytes,
    image_id: str,
    embedder: Embedder,
    *,
    limits: ImageLimits,
    decode: Decode = decode,
    embed: EmbedOne = embed_one,
) -> Embedded:
    """Decode a file's bytes and compute its vector.

    Args:
        data: the whole file.
        image_id: the SHA-256 of it.
        embedder: computes the vector.
        limits: what a picture may cost.
        decode: decodes it.
        embed: has the embedder compute, perhaps together with pictures of other threads.
    Raises:
        ImageRefused: when the picture is not taken in.
        DecoderDied: when it was decoded in another process, which did not survive that.
    """
    image = PictureEmbedder(embedder, limits=limits, decode=decode).decode(data)
    return Embedded(_record(image, image_id, len(data)), narrow(embed(embedder, image.pixels)[None, :])[0])


Outcome: TypeAlias = Embedded | ImageRefused | None
"""What became of a picture; None where it is in the catalog."""

Known: TypeAlias = Callable[[Sequence[str]], Container[str]]
"""Which of some ids are in the catalog."""


class FileEmbedder:
    """Takes files in; each picture is computed once, however many files hold it.

    Args:
        embedder: computes the vectors.
        known: says which ids are of pictures whose vectors are in the catalog; asked for a few at a time, on the
            threads that embed.
        limits: what a picture may cost.
    """

    def __init__(self, embedder: Embedder, known: Known, *, limits: ImageLimits) -> None:
        self._pictures = PictureEmbedder(embedder, limits=limits)
        self._known = known
        self._limits = limits
        self._mutex = threading.Lock()
        self._under_way: dict[str, Future[Outcome]] = {}  # by id, until it is committed

    def take(self, files: Sequence[FoundFile]) -> list[Taken | Refused]:
        """Read files and see what they hold, in order. Safe to call from many threads."""
        mine: list[_Mine] = []
        try:
            seen = self._read(files, mine)
            self._embed(mine)
        except BaseException as error:
            _fail(mine, error)
            raise
        return [one if isinstance(one, Refused) else _result(one) for one in seen]

    def note_committed(self, image_ids: Iterable[str]) -> None:
        """Say that these pictures are in the catalog, so that nothing of them need be kept here."""
        with self._mutex:
            for image_id in image_ids:
                self._under_way.pop(image_id, None)

    def note_removed(self, image_ids: Iterable[str]) -> None:
        """Say that these pictures are not in the catalog any more: files that hold them are computed again."""
        with self._mutex:
            for image_id in image_ids:
                future = self._under_way.get(image_id)
                if future is not None and future.done() and not future.exception() and future.result() is None:
                    del self._under_way[image_id]

    def _read(self, files: Sequence[FoundFile], mine: list[_Mine]) -> list[_Seen | Refused]:
        """Read files. Pictures that are not in the catalog, and that nobody else is computing, are decoded; `mine`."""
        seen: list[_Seen | Refused] = []
        decoded = 0
        unknown_bytes = 0
        for found in files:
            before = len(mine)
            seen.append(self._see(found, mine))
            unknown_bytes += sum(len(one.data) for one in mine[before:])
            if unknown_bytes > _MOST_BYTES_AT_ONCE:
                self._decode(mine[decoded:])
                decoded, unknown_bytes = len(mine), 0
        self._decode(mine[decoded:])
        return seen

    def _see(self, found: FoundFile, mine: list[_Mine]) -> _Seen | Refused:
        """Read a file. A picture that nobody has computed or is computing is put on the list."""
        try:
            content = read_file(found.path, limits=self._limits)
        except ImageRefused as error:
            return Refused(found, _bare(error))
        image_id = content_id(content.data)
        file = FileRecord(found.path, image_id, content.size_bytes, content.mtime_ns)
        with self._mutex:
            future = self._under_way.get(image_id)
            if future is not None:
                return _Seen(found, file, future)
            self._under_way[image_id] = future = Future()
        mine.append(_Mine(file, future, content.data))
        return _Seen(found, file, future)

    def _decode(self, claimed: Sequence[_Mine]) -> None:
        """Decode what is not in the catalog. Looked up once claimed: what is committed since is known then."""
        known = self._known([one.file.image_id for one in claimed]) if claimed else ()
        for one in claimed:
            data, one.data = one.data, b""
            if one.file.image_id in known:
                one.future.set_result(None)
                continue
            try:
                one.image = self._pictures.decode(data)
            except ImageRefused as error:
                one.future.set_result(_bare(error))

    def _embed(self, mine: Sequence[_Mine]) -> None:
        """Compute the vectors of what was decoded, and give them to all that wait."""
        images = [(one, one.image) for one in mine if one.image is not None]
        vectors = self._pictures.embed_to_keep([image.pixels for _, image in images])
        for (one, image), vector in zip(images, vectors, strict=True):
            record = _record(image, one.file.image_id, one.file.size_bytes)
            one.future.set_result(Embedded(record, vector, image.lacks_its_end))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A file that was read."""

    found: FoundFile
    file: FileRecord
    future: Future[Outcome]


@dataclass(slots=True, eq=False)
class _Mine:
    """A picture that this thread computes; without an image where it was refused, or is known."""

    file: FileRecord
    future: Future[Outcome]
    data: bytes
    image: DecodedImage | None = None


def _result(one: _Seen) -> Taken | Refused:
    outcome = one.future.result()
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


def take_in_order(
    files: Iterable[Item], take: Callable[[Sequence[Item]], list[Result]], *, threads: int
) -> Generator[Result, None, None]:
    """Take files (or other things) in on several threads, in order, a few at a time, with a bounded number under way.

    When the caller stops early, what has not begun is dropped and what has begun is waited for.
    """
    waiting = iter(files)
    chunks = iter(lambda: list(islice(waiting, AT_ONCE)), [])
    take = carry_ending(take)
    with ThreadPoolExecutor(threads, thread_name_prefix="lookalike-embed") as pool:
        try:
            under_way = deque(pool.submit(take, chunk) for chunk in islice(chunks, threads * _CHUNKS_AHEAD))
            while under_way:
                yield from under_way.popleft().result()
                under_way.extend(pool.submit(take, chunk) for chunk in islice(chunks, 1))
        finally:
            pool.shutdown(cancel_futures=True)
