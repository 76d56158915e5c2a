"""Finding duplicates: a shortlist by vectors, a glance, then groups around what is to be kept, by a whole look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput
from lookalike.core.filters import Filter
from lookalike.duplicates.candidates import candidates
from lookalike.duplicates.comparing import Comparing
from lookalike.duplicates.grouping import Grouping
from lookalike.duplicates.keeping import Keeping
from lookalike.duplicates.result import Duplicates
from lookalike.duplicates.subject import subject_of
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.view.view import View

THRESHOLD = 0.5
"""Low, for it only chooses what is looked at again: quarter-size copies of small photos come down to 0.5."""


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
) -> Duplicates:
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
        progress: told how many of how many pictures have been compared, on the calling thread; one that was glanced at
            counts half.
    Raises:
        BadInput: when `threshold` is no cosine, or a rule of `keep` is empty.
    """
    if not -1 <= threshold <= 1:
        raise BadInput(f"expected a threshold of -1 to 1, got {threshold}; leave it out for the usual one")
    keeping = Keeping(keep)
    subject = subject_of(catalog, view, where or Filter.everything())
    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="duplicates") as pool:
        comparing = Comparing(subject.images, pictures=pictures, pool=pool, limits=limits)
        N = len(subject.images)

        def tell(halves: int) -> None:
            if progress is not None:
                progress(halves // 2, N)

        for found in candidates(subject.vectors, threshold=threshold):
            comparing.glance_at(found)
            tell(found.rows_done)
        grouping = Grouping(subject, comparing, keeping, pool=pool, limits=limits)
        groups = grouping.groups(progress=lambda done: tell(N + done))
        return Duplicates(groups, not_compared=len(comparing.not_compared))
