"""Reranking by local features: points that look alike and agree on one view, and why two pictures match.

It knows copies, whatever part of them is seen, turned, scaled or framed, and other photos of the same flat or distant
thing. It does not know likeness: two different cats have nothing to say to it. Nor does it know a mirrored picture, for
SIFT describes what is left and what is right of a point; `why` looks for that, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lookalike.core.ending import carry_ending
from lookalike.core.errors import ImageRefused
from lookalike.core.saying import ReasonCode
from lookalike.core.vectors import Pixels
from lookalike.core.wording import Words, words_of
from lookalike.images.crop import Crop
from lookalike.images.decode import decode
from lookalike.images.features.agreement import Agreement, agreement
from lookalike.images.features.homography import Homography, project
from lookalike.images.features.points import LEAST_POINTS, Points, opencv, points_of, scaling_matrix
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.images.pictures import Picture, pixels_of_picture
from lookalike.search.reranking import Reranked
from lookalike.storage.cache import BoundedCache

HIT_SIDE = 480
"""Hits are seen smaller than the query: they are a hundred, and SIFT takes 40 ms for one at this size, 70 at 640."""

CACHE_BYTES = 256_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Why two pictures match, or do not.

    Attributes:
        query: shape (M, 2), float32: points of the query, x and y in its own pixels.
        hit: shape (M, 2), float32: the points of the hit that look like them, in its own pixels.
        agreeing: shape (M,), bool: those that agree on one view.
        homography: shape (3, 3), float64: takes the query's pixels to the hit's; None where they agree on no view.
        similarity: 0 where no common view was found, else 0.5 to 1; None where they could not be compared.
        reason: in words.
    """

    query: NDArray[np.float32]
    hit: NDArray[np.float32]
    agreeing: NDArray[np.bool_]
    homography: Homography | None
    similarity: float | None
    reason: str


class LocalFeatures:
    """Compares a query with the best hits by SIFT and MAGSAC++. Thread-safe; equal pictures, equal similarities.

    What a hundred photos take, seen for the first time or again, is measured in `benchmarks/reranking`.

    Args:
        pictures: the bytes of a picture by its id, None where it is gone. Called from several threads at once.
        threads: that decode pictures, find their points and compare them.
        depth: how many of the best hits are looked at.
        limits: what a picture may cost.
        cache_bytes: of points that are kept between queries.
    Raises:
        MissingExtra: when OpenCV is not installed.
    """

    name = "local features"
    unknown = 0.0  # as where no common view was found: a plain picture is no worse than one that shows something else

    def __init__(
        self,
        *,
        pictures: Callable[[str], bytes | None],
        threads: int = 2,
        depth: int = 100,
        limits: ImageLimits = DEFAULT_LIMITS,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        opencv()
        self.depth = depth
        self._pictures = pictures
        self._threads = max(1, threads)
        self._limits = limits
        self._points: BoundedCache[str, Points] = BoundedCache(most_bytes=cache_bytes)

    def see(self, picture: Picture, *, crop: Crop | None = None) -> Pixels:
        """Every pixel of a query picture; see `Reranker`.

        Returns:
            shape (H, W, 3), uint8 RGB, C-contiguous, upright.
        """
        pixels = pixels_of_picture(picture, min_side=None, limits=self._limits)
        return pixels if crop is None else crop.cut(pixels)

    def rerank(self, query: Pixels, ids: Sequence[str]) -> list[Reranked]:
        """Compare the query with pictures.

        Args:
            query: shape (H, W, 3), uint8 RGB; best at least 640 pixels on the longer side, if it has them.
            ids: of the hits.
        Returns:
            one answer for each, in the same order. A picture that is gone, broken or too plain has no similarity.
        """
        points = points_of(query)
        if points.plain:
            return [Reranked(None, _query_too_plain(points))] * len(ids)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="local-features") as pool:
            return list(pool.map(carry_ending(partial(self._rerank_one, points)), ids))

    def _rerank_one(self, query: Points, image_id: str) -> Reranked:
        return _compare(query, self._points_of_id(image_id))

    def _points_of_id(self, image_id: str) -> Points | str:
        """The points of a picture, or why there are none."""
        kept = self._points.get(image_id)
        if kept is not None:
            return kept
        data = self._pictures(image_id)
        if data is None:
            return words_of("the picture is gone", ReasonCode.GONE)
        try:
            pixels = decode(data, min_side=HIT_SIDE, limits=self._limits).pixels
        except ImageRefused as error:
            return words_of(f"the picture cannot be used: {error}", ReasonCode.UNUSABLE, refusal=error.code)
        points = points_of(pixels, side=HIT_SIDE)
        self._points.put(image_id, points, size_bytes=points.size_bytes)
        return points


def why(query: Pixels, hit: Pixels, *, hit_size: tuple[int, int] | None = None) -> Match:
    """Find out why two pictures match, in their own pixels; some 150 ms.

    The points are those that `LocalFeatures` compares, where `hit` was decoded as it does: to `HIT_SIDE`.

    Args:
        query: shape (H, W, 3), uint8 RGB.
        hit: likewise, of another size.
        hit_size: width and height of the hit in its own pixels, where it was decoded smaller.
    Raises:
        MissingExtra: when OpenCV is not installed.
    """
    ours, theirs = points_of(query), points_of(hit, side=HIT_SIDE)
    if hit_size is not None:
        height, width = hit.shape[:2]
        theirs = replace(theirs, to_own=scaling_matrix(hit_size[0] / width, hit_size[1] / height) @ theirs.to_own)
    for points, too_plain in ((ours, _query_too_plain), (theirs, _picture_too_plain)):
        if points.plain:
            nowhere = np.empty((0, 2), np.float32)
            return Match(nowhere, nowhere, np.empty(0, np.bool_), None, None, too_plain(points))
    found = agreement(ours, theirs)
    return _in_own_pixels(found, ours, theirs, reason=_with_mirrored(found, query, theirs))


def _compare(query: Points, hit: Points | str) -> Reranked:
    if isinstance(hit, str):
        return Reranked(None, hit)
    if hit.plain:
        return Reranked(None, _picture_too_plain(hit))
    found = agreement(query, hit)
    return Reranked(found.similarity, found.reason)


def _query_too_plain(points: Points) -> Words:
    text = f"the query is too plain to compare: {len(points)} points, where {LEAST_POINTS} are needed"
    return words_of(text, ReasonCode.QUERY_TOO_PLAIN, points=len(points), least=LEAST_POINTS)


def _picture_too_plain(points: Points) -> Words:
    text = f"the picture is too plain to compare: {len(points)} points, where {LEAST_POINTS} are needed"
    return words_of(text, ReasonCode.PICTURE_TOO_PLAIN, points=len(points), least=LEAST_POINTS)


def _with_mirrored(found: Agreement, query: Pixels, hit: Points) -> Words:
    if found.similarity:
        return found.reason
    mirrored = agreement(points_of(np.ascontiguousarray(query[:, ::-1])), hit)
    if not mirrored.similarity:
        return found.reason
    text = f"mirrored they would match: {mirrored.reason}"
    points, agreeing = len(mirrored.agreeing), int(mirrored.agreeing.sum())
    return found.reason.and_then(words_of(text, ReasonCode.MIRRORED, agreeing=agreeing, points=points), separator="; ")


def _in_own_pixels(found: Agreement, query: Points, hit: Points, *, reason: str) -> Match:
    homography = None
    if found.homography is not None:
        homography = hit.to_own @ found.homography @ np.linalg.inv(query.to_own)
        homography = homography / homography[2, 2]
    return Match(
        query=project(query.to_own, query.positions[found.pairs.query]).astype(np.float32),
        hit=project(hit.to_own, hit.positions[found.pairs.hit]).astype(np.float32),
        agreeing=found.agreeing,
        homography=homography,
        similarity=found.similarity,
        reason=reason,
    )
