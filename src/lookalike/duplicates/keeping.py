"""Which of several files that show the same picture is the one to keep: by what each holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from lookalike.core.errors import BadInput
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.images.whole.contents import Contents

RULES = ("best", "oldest", "newest", "largest")
_AS_SHARP, _ABOUT = 0.5, 0.6
"""What has less than half of the detail of another counts as smaller, whatever else it holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """A file, and what it holds.

    Attributes:
        image: the picture.
        file: in which it lies; None for a picture that was added as bytes.
        contents: None where there was no need to read it: of files with the same bytes.
        most_pixels: how many pixels it counts as having at most: those of the one that it is an enlarged copy of.
    """

    image: ImageRecord
    file: FileRecord | None
    contents: Contents | None
    most_pixels: int | None = None

    @property
    def pixels(self) -> int:
        """How many it has that were not made by enlarging."""
        pixels = self.image.width * self.image.height
        return pixels if self.most_pixels is None else min(pixels, self.most_pixels)

    @property
    def worth(self) -> float:
        """Pixels that hold detail, weighed by the quality of compression."""
        if self.contents is None:
            return float(self.pixels)
        return min(self.contents.real_pixels, self.pixels) * self.contents.quality / 100

    @property
    def facts(self) -> int:
        """Of date and camera, how many it tells."""
        return (self.image.taken_at is not None) + (self.image.camera is not None)


class _Criterion(NamedTuple):
    """One thing by which holdings are ordered: more is better."""

    value: Callable[[Holding], float]
    kept_because: str
    not_kept_because: str


def _of(name: str) -> Callable[[Holding], float]:
    return lambda one: 0.0 if one.contents is None else float(getattr(one.contents, name))


_FRAMES = _Criterion(_of("frames"), "more frames", "fewer frames")
_BEHIND = _Criterion(
    lambda one: float(one.contents is not None and one.contents.behind_bytes > 0),
    "holds a film or other data behind the picture",
    "without what lies behind the picture",
)
_BITS = _Criterion(_of("bits"), "more bits a channel", "fewer bits a channel")
_ALPHA = _Criterion(_of("has_alpha"), "has transparency", "without transparency")
_FACTS = _Criterion(lambda one: float(one.facts), "tells camera or date", "without camera or date")
_WORTH = _Criterion(lambda one: one.worth, "more detail, less compression", "less detail or more compression")
_PIXELS = _Criterion(lambda one: float(one.pixels), "more pixels", "fewer pixels")
_LARGEST = _Criterion(lambda one: float(one.image.width * one.image.height), "more pixels", "fewer pixels")
_AGE = _Criterion(lambda one: -_mtime_ns(one), "the oldest file", "a later file")
_YOUTH = _Criterion(lambda one: _mtime_ns(one), "the newest file", "an older file")


def _mtime_ns(one: Holding) -> float:
    return float(one.file.mtime_ns) if one.file is not None else float("inf")


class Keeping:
    """An order of files, the one to keep first.

    Args:
        rules: `best`, `oldest`, `newest`, `largest`, or where the one to keep lies: a folder, a file, or a pattern such
            as `*/Masters/*`. What the first leaves undecided the next decides, and in the end `best`.
    Raises:
        BadInput: when a rule is empty.
    """

    def __init__(self, rules: Sequence[str] = ("best",)) -> None:
        if not all(rules):
            raise BadInput(
                f"expected {', '.join(RULES)}, a folder or a pattern of paths to keep, got an empty one"
                "; leave it out to keep the best of each group"
            )
        self._rules = tuple(rules)

    def sort(self, holdings: Sequence[Holding]) -> list[Holding]:
        """The one to keep first. Deterministic."""
        criteria = self._criteria(holdings)

        def key(one: Holding) -> tuple[object, ...]:
            path = one.file.path if one.file is not None else ""
            return (*(-criterion.value(one) for criterion in criteria), path, one.image.id)

        return sorted(holdings, key=key)

    def reason(self, kept: Holding, others: Sequence[Holding]) -> str:
        """Why one is kept: the first criterion by which it comes before another."""
        for criterion in self._criteria([kept, *others]):
            if any(criterion.value(kept) > criterion.value(other) for other in others):
                return criterion.kept_because
        return "the same in all; its name comes first"

    def reason_against(self, other: Holding, kept: Holding, holdings: Sequence[Holding]) -> str:
        """Why one is not kept."""
        for criterion in self._criteria(holdings):
            if criterion.value(kept) > criterion.value(other):
                return criterion.not_kept_because
        return "the same in all; its name comes later"

    def _criteria(self, holdings: Sequence[Holding]) -> list[_Criterion]:
        most = max((one.worth for one in holdings), default=0.0)
        sharp = _Criterion(
            lambda one: float(one.worth >= _AS_SHARP * most), "much more detail", "much less detail than the kept one"
        )
        about = _Criterion(lambda one: float(one.worth >= _ABOUT * most), _WORTH.kept_because, _WORTH.not_kept_because)
        best = [_FRAMES, _BEHIND, _BITS, _ALPHA, sharp, _FACTS, about, _PIXELS, _WORTH, _AGE]
        by_name = {"best": best, "oldest": [_AGE], "newest": [_YOUTH], "largest": [_LARGEST]}
        chosen = [criterion for rule in self._rules for criterion in by_name.get(rule) or [_lies_in(rule)]]
        return [*chosen, *best]


def _lies_in(rule: str) -> _Criterion:
    place = os.path.abspath(os.path.expanduser(rule))

    def value(one: Holding) -> float:
        path = one.file.path if one.file is not None else ""
        inside = path == place or path.startswith(place.rstrip(os.sep) + os.sep)
        return float(inside or fnmatchcase(path, rule))

    return _Criterion(value, f"lies in {rule}", f"does not lie in {rule}")


def without_traces(holdings: Sequence[Holding]) -> list[Holding]:
    """The same, but what compression left behind is no detail: none has more than a finer one of the same size."""
    return [
        replace(
            one, contents=replace(one.contents, real_pixels=min([one.contents.real_pixels, *_finer(one, holdings)]))
        )
        if one.contents is not None
        else one
        for one in holdings
    ]


def _finer(one: Holding, holdings: Sequence[Holding]) -> list[int]:
    size, quality = (one.image.width, one.image.height), one.contents.quality if one.contents is not None else 0
    return [
        other.contents.real_pixels
        for other in holdings
        if other.contents is not None
        and other.contents.quality > quality
        and (other.image.width, other.image.height) == size
    ]


def find_lacking(kept: Holding, other: Holding) -> str | None:
    """What a file holds that the kept one does not; None where nothing would be lost with it."""
    if kept.image.id == other.image.id or kept.contents is None or other.contents is None:
        return None
    lost = [criterion.kept_because for criterion in (_FRAMES, _BEHIND, _BITS, _ALPHA) if _more(criterion, other, kept)]
    if other.image.taken_at is not None and kept.image.taken_at is None:
        lost.append("tells its date")
    if other.image.camera is not None and kept.image.camera is None:
        lost.append("tells its camera")
    if kept.worth < _AS_SHARP * other.worth:
        lost.append("much more detail")
    return ", ".join(lost) or None


def _more(criterion: _Criterion, one: Holding, other: Holding) -> bool:
    return criterion.value(one) > criterion.value(other)
