"""Groups of duplicates: around what is to be kept, which each other member was compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from lookalike.core.records import FileRecord
from lookalike.duplicates.comparing import Comparing, How
from lookalike.duplicates.keeping import Holding, Keeping, find_lacking, without_traces
from lookalike.duplicates.result import DuplicateGroup, DuplicateKind, DuplicateMember
from lookalike.duplicates.subject import Subject, is_still_there
from lookalike.images.limits import ImageLimits

_NEAR = DuplicateKind.NEAR


class Grouping:
    """Groups pictures that look alike at a glance.

    Args:
        subject: what is compared.
        comparing: has glanced at it.
        keeping: which of a group is kept.
        pool: in which is read and compared.
        limits: what a picture may cost.
    """

    def __init__(
        self, subject: Subject, comparing: Comparing, keeping: Keeping, *, pool: Executor, limits: ImageLimits
    ) -> None:
        self._subject = subject
        self._comparing = comparing
        self._keeping = keeping
        self._pool = pool
        self._limits = limits
        self._row_of = {image.id: row for row, image in enumerate(subject.images)}

    def groups(self, *, progress: Callable[[int], None]) -> list[DuplicateGroup]:
        """All groups, by the path of what is kept; every file is in one at most.

        Args:
            progress: told how many pictures are done with, on the calling thread.
        """
        alike = list(self._alike())
        done = len(self._subject.images) - sum(map(len, alike))
        groups = []
        for rows in alike:
            for grouped, group in self._among(rows):
                done += grouped
                progress(done)
                groups += [group] if group is not None else []
        progress(len(self._subject.images))
        return sorted(groups, key=lambda group: (group.keep.path or "", group.keep.id))

    def _alike(self) -> Iterator[list[int]]:
        """Rows that look like others, or that lie in several files; those that hang together, together."""
        done: set[int] = set()
        for row, files in enumerate(self._subject.files):
            if row in done or not (len(files) > 1 or self._comparing.alike(row)):
                continue
            together, waiting = [], [row]
            done.add(row)
            while waiting:
                one = waiting.pop()
                together.append(one)
                new = set(self._comparing.alike(one)) - done
                done.update(new)
                waiting.extend(new)
            yield sorted(together)

    def _among(self, rows: list[int]) -> Iterator[tuple[int, DuplicateGroup | None]]:
        """Groups around the best that is in none yet; no chains, for each member was compared with the first.

        With each, how many rows are done with.
        """
        if len(rows) > 1:
            list(self._pool.map(self._comparing.contents, rows))
        left = dict.fromkeys(self._row(one) for one in self._sort([self._holdings(row) for row in rows]))
        while left:
            row = next(iter(left))
            same, holdings = self._around(row, left)
            grouped = {self._row(one) for one in holdings} | {row}
            for one in grouped:
                del left[one]
            yield len(grouped), self._group(holdings, same) if len(holdings) > 1 else None

    def _around(self, row: int, left: dict[int, None]) -> tuple[dict[int, How], list[Holding]]:
        """What is the same as a row, or as the best of what is; with the files that are there, the one to keep first.

        A row that is the best among what looks alike need not be the best of its own copies: that is known only now.
        """
        centres: list[int] = []
        while True:
            centres.append(row)
            same = self._comparing.same_as(row, [other for other in self._comparing.alike(row) if other in left])
            holdings = self._sort([self._there(one) for one in [row, *same]])
            holdings = self._without_enlarged(holdings, [row, *(one for one in same if same[one][0] is _NEAR)])
            if not holdings or self._row(holdings[0]) in centres:
                break
            row = self._row(holdings[0])
        first = [one for one in holdings if self._row(one) == row]
        return same, first + [one for one in holdings if self._row(one) != row] if first else []

    def _without_enlarged(self, holdings: list[Holding], rows: list[int]) -> list[Holding]:
        """The same in the order that is right when enlarged copies count as what they were made of.

        Each is asked only against the finest of the smaller ones, and only where it would come before that.
        """
        enlarged: dict[int, int] = {}
        for n, one in enumerate(holdings):
            finer = [
                other
                for other in holdings[n + 1 :]
                if {self._row(one), self._row(other)} <= set(rows)
                and other.pixels < one.pixels
                and _quality(other) >= _quality(one)
            ]
            best = max(finer, key=lambda other: (_quality(other), other.pixels), default=None)
            if best is not None and self._row(one) not in enlarged:
                if not self._comparing.is_enlarged(self._row(one), self._row(best)):
                    break
                enlarged[self._row(one)] = best.pixels
        if not enlarged:
            return holdings
        return self._keeping.sort(
            [replace(one, most_pixels=enlarged.get(self._row(one), one.most_pixels)) for one in holdings]
        )

    def _sort(self, holdings: Sequence[Sequence[Holding]]) -> list[Holding]:
        return self._keeping.sort(without_traces([one for some in holdings for one in some]))

    def _row(self, one: Holding) -> int:
        return self._row_of[one.image.id]

    def _holdings(self, row: int) -> list[Holding]:
        contents = self._comparing.contents(row) if self._comparing.alike(row) else None
        files: list[FileRecord | None] = [*self._subject.files[row]]
        return [Holding(self._subject.images[row], file, contents) for file in files or [None]]

    def _there(self, row: int) -> list[Holding]:
        holdings = self._holdings(row)
        there = self._pool.map(partial(_is_there, limits=self._limits), holdings)
        return [one for one, is_there in zip(holdings, there, strict=True) if is_there]

    def _group(self, holdings: Sequence[Holding], same: dict[int, How]) -> DuplicateGroup:
        kept, kinds = holdings[0], list(DuplicateKind)
        how = same | {self._row(kept): (DuplicateKind.BYTE, 1.0)}
        others = sorted(holdings[1:], key=lambda one: kinds.index(how[self._row(one)][0]))
        members = [
            _member(kept, *how[self._row(kept)], keep=True, could_go=False, reason=self._keeping.reason(kept, others))
        ]
        for one in others:
            lost = find_lacking(kept, one)
            against = self._keeping.reason_against(one, kept, [kept, *others])
            reason = against if lost is None else f"holds more: {lost}"
            members.append(_member(one, *how[self._row(one)], keep=False, could_go=lost is None, reason=reason))
        return DuplicateGroup(max((member.kind for member in members), key=kinds.index), tuple(members))


def _quality(one: Holding) -> int:
    return one.contents.quality if one.contents is not None else 0


def _is_there(one: Holding, *, limits: ImageLimits) -> bool:
    return one.file is None or is_still_there(one.file, limits=limits)


def _member(
    one: Holding, kind: DuplicateKind, similarity: float, *, keep: bool, could_go: bool, reason: str
) -> DuplicateMember:
    image = one.image
    return DuplicateMember(
        id=image.id,
        path=one.file.path if one.file is not None else None,
        width=image.width,
        height=image.height,
        size_bytes=image.size_bytes,
        similarity=min(1.0, similarity),
        kind=kind,
        keep=keep,
        could_go=could_go,
        reason=reason,
    )
