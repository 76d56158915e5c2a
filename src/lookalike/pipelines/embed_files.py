"""From a file to a vector, on the threads of an ingest: read, recognise, decode, embed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import ImageRefused
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.embedding.base import Embedder
from lookalike.images.decode import decode
from lookalike.images.files import content_id, read_file
from lookalike.images.limits import ImageLimits
from lookalike.pipelines.walk import FoundFile

_AHEAD_PER_THREAD = 16


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A picture that may be new.

    Attributes:
        record: its facts.
        vector: shape (D,), float16.
    """

    record: ImageRecord
    vector: NDArray[np.float16]


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
    """A file that holds none that can be used."""

    found: FoundFile
    error: ImageRefused


def embed_bytes(data: bytes, image_id: str, embedder: Embedder, *, limits: ImageLimits) -> Embedded:
    """Decode a file's bytes and compute its vector.

    Raises:
        ImageRefused: when the picture is not taken in.
    """
    image = decode(data, min_side=embedder.card.input_side, limits=limits)
    vector = embedder.embed([image.pixels])[0].astype(np.float16)
    record = ImageRecord(
        id=image_id,
        width=image.width,
        height=image.height,
        format=image.format,
        size_bytes=len(data),
        taken_at=image.taken_at,
        camera=image.camera,
    )
    return Embedded(record, vector)


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
        self._under_way: dict[str, Future[Embedded]] = {}

    def take(self, found: FoundFile) -> Taken | Refused:
        """Read a file and see what it holds. Safe to call from many threads."""
        try:
            content = read_file(found.path, limits=self._limits)
            image_id = content_id(content.data)
            embedded = self._embedded(content.data, image_id)
        except ImageRefused as error:
            return Refused(found, error)
        file = FileRecord(found.path, image_id, content.size_bytes, content.mtime_ns)
        return Taken(file, embedded)

    def committed(self, image_ids: Iterable[str]) -> None:
        """Say that these pictures are in the catalog, so that nothing of them need be kept here."""
        with self._mutex:
            for image_id in image_ids:
                self._known.add(image_id)
                self._under_way.pop(image_id, None)

    def _embedded(self, data: bytes, image_id: str) -> Embedded | None:
        with self._mutex:
            if image_id in self._known:
                return None
            future = self._under_way.get(image_id)
            mine = future is None
            if future is None:
                future = self._under_way[image_id] = Future()
        if mine:
            try:
                future.set_result(embed_bytes(data, image_id, self._embedder, limits=self._limits))
            except BaseException as error:
                future.set_exception(error)
        return future.result()


def taken(
    files: Iterable[FoundFile], take: Callable[[FoundFile], Taken | Refused], *, threads: int
) -> Generator[Taken | Refused, None, None]:
    """Take files in on several threads, in order, with a bounded number under way.

    When the caller stops early, what has not begun is dropped and what has begun is waited for.
    """
    waiting = iter(files)
    with ThreadPoolExecutor(threads, thread_name_prefix="lookalike-embed") as pool:
        try:
            under_way = deque(pool.submit(take, found) for found in islice(waiting, threads * _AHEAD_PER_THREAD))
            while under_way:
                yield under_way.popleft().result()
                under_way.extend(pool.submit(take, found) for found in islice(waiting, 1))
        finally:
            pool.shutdown(cancel_futures=True)
