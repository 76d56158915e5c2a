"""Finding duplicates: a shortlist by vectors, a glance, a look at the whole; then groups around what is to be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.pipelines.duplicates.candidates import candidates
from lookalike.pipelines.duplicates.comparing import Comparing
from lookalike.pipelines.duplicates.keeping import Holding, Keeping, lacking, without_traces
from lookalike.pipelines.duplicates.result import DuplicateGroup, DuplicateKind, DuplicateMember
from lookalike.pipelines.duplicates.subject import Subject, is_still_there, subject_of
from lookalike.pipelines.view import View

THRESHOLD = 0.5
"""Low, for it only chooses what is looked at again: quarter-size copies of small photos come down to 0.5."""

How = tuple[DuplicateKind, float]


def find_duplicates(
    catalog: Catalog,
    view: View,
    *,
    pictures: Callable[[str], bytes | None],
    threshold: float = THRESHOLD,
    where: Filter | None = None,
    keep: Sequence[str] = ("best",),
    threads: int = 2,
    limits: ImageLimits = DEFAULT_LIMITS,
    progress: Callable[[int, int], None] | None = None,
) -> list[DuplicateGroup]:
    """Find groups of duplicates; every file is in one group at most. Deterministic.

    Pixel-identical are pictures that are the same in all they hold (`images.whole.contents`), near are those that
    differ no more than saving again, resizing and recompressing explain (`images.copies.look`). Files that are gone or
    have changed since they were indexed are passed over, and so is the second name of one file (a link); every file of
    a group is read again in the end, and left out where it is not what was indexed. Keeps 2 kB for each picture besides
    the vectors, and the last pictures that were decoded, up to 256 MB.

    Args:
        catalog: the truth.
        view: of it; what it searches is compared.
        pictures: the bytes of a picture by its id, None where they are not to be had; called from several threads.
        threshold: cosine, -1 to 1, that pictures must have to be looked at again; a higher one is faster, finds less.
        where: only pictures (and files) that pass; None: all.
        keep: how the one to keep is chosen; see `Keeping`.
        threads: how many read and decode at once.
        limits: what a picture may cost.
        progress: told how many of how many pictures have been compared, on the calling thread.
    Raises:
        BadInput: when `threshold` is no cosine, or a rule of `keep` is empty.
    """
    if not -1 <= threshold <= 1:
        raise BadInput(f"expected a threshold of -1 to 1, got {threshold}")
    keeping = Keeping(keep)
    subject = subject_of(catalog, view, where or Filter.everything())
    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="duplicates") as pool:
        comparing = Comparing(subject.images, pictures=pictures, pool=pool, limits=limits)
        for found in candidates(subject.vectors, threshold=threshold):
            comparing.at(found)
            if progress is not None:
                progress(found.rows_done, len(subject.images))
        return _groups(subject, comparing, keeping, pool=pool, limits=limits)


def _groups(
    subject: Subject, comparing: Comparing, keeping: Keeping, *, pool: Executor, limits: ImageLimits
) -> list[DuplicateGroup]:
    """Groups around the best that is in none yet; no chains, for each member was compared with the first."""
    groups = []
    for rows in _connected(subject, comparing):
        holdings = [one for row in rows for one in _holdings(subject, comparing, row)]
        there = pool.map(partial(_is_there, limits=limits), holdings)
        left = without_traces([one for one, is_there in zip(holdings, there, strict=True) if is_there])
        left = keeping.ordered(left)
        row_of = {subject.images[row].id: row for row in rows}
        while left:
            kept = left[0]
            same = comparing.same.get(row_of[kept.image.id], {})
            how = {kept.image.id: (DuplicateKind.BYTE, 1.0)} | {subject.images[row].id: same[row] for row in same}
            others = [one for one in left[1:] if one.image.id in how]
            left = [one for one in left[1:] if one.image.id not in how]
            if others:
                groups.append(_group(kept, others, how, keeping))
    return sorted(groups, key=lambda group: (group.keep.path or "", group.keep.id))


def _is_there(one: Holding, *, limits: ImageLimits) -> bool:
    return one.file is None or is_still_there(one.file, limits=limits)


def _connected(subject: Subject, comparing: Comparing) -> Iterator[list[int]]:
    """Rows that are the same as others, or that lie in several files; those that hang together, together."""
    done: set[int] = set()
    for row in range(len(subject.images)):
        if row in done or not (comparing.same.get(row) or len(subject.files[row]) > 1):
            continue
        together, waiting = [], [row]
        done.add(row)
        while waiting:
            one = waiting.pop()
            together.append(one)
            new = comparing.same.get(one, {}).keys() - done
            done.update(new)
            waiting.extend(new)
        yield sorted(together)


def _holdings(subject: Subject, comparing: Comparing, row: int) -> list[Holding]:
    contents = comparing.contents(row) if comparing.same.get(row) else None
    files: list[FileRecord | None] = [*subject.files[row]]
    return [Holding(subject.images[row], file, contents) for file in files or [None]]


def _group(kept: Holding, others: Sequence[Holding], how: dict[str, How], keeping: Keeping) -> DuplicateGroup:
    kinds = list(DuplicateKind)
    others = sorted(others, key=lambda one: kinds.index(how[one.image.id][0]))
    members = [_member(kept, *how[kept.image.id], keep=True, could_go=False, reason=keeping.reason(kept, others))]
    for one in others:
        lost = lacking(kept, one)
        reason = keeping.reason_against(one, kept, [kept, *others]) if lost is None else f"holds more: {lost}"
        members.append(_member(one, *how[one.image.id], keep=False, could_go=lost is None, reason=reason))
    return DuplicateGroup(max((member.kind for member in members), key=kinds.index), tuple(members))


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
