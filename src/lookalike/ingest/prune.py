"""Which known files are gone for good, and which are only out of sight.

A file is missing where nothing bears its name any more. It is gone for good only where its folder vouches for that: the
folder can still be listed, and at least one picture that was known in it, or below it, is still there: another picture
of the same name is not. A folder that has vanished, is empty, or holds none of what was known in it may be a drive that
is not mounted, another drive at the same place, or a link to elsewhere; and on another device than before, not even the
same pictures vouch, see `lookalike.ingest.devices`. What was known below such a folder is kept, unless the user
names it. That a folder is out of sight is remembered: what is taken in there meanwhile does not vouch for what was
there before, until one of those pictures is back.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from lookalike.images.walk import absolute, is_gone
from lookalike.ingest.devices import Devices, folders_above, is_at_or_below

_REMEMBERED = 32
"""So many missing files of a folder are remembered. When one of them is back, the folder is."""


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """A folder that cannot be seen into, below which nothing was forgotten.

    Attributes:
        path: absolute; the highest such folder.
        files: how many missing files with pictures are known below it.
        reason: one line.
    """

    path: str
    files: int
    reason: str


class Pruning(NamedTuple):
    """What is to become of missing files.

    Attributes:
        gone: files that are to be forgotten.
        out_of_sight: by folder, missing files that are kept.
        elsewhere: those of these folders that lie on another device than before.
        unmatched: places that the user named, at or below which nothing is missing.
    """

    gone: list[str]
    out_of_sight: dict[str, list[str]]
    elsewhere: frozenset[str]
    unmatched: list[str]


NOTHING = Pruning([], {}, frozenset(), [])


def missing_files(
    tops: Sequence[str], *, remembered: Iterable[str], found: Collection[str], unlisted: Iterable[str]
) -> list[str]:
    """Remembered files that were not found where they were looked for.

    Args:
        tops: absolute paths of folders and files that were walked, or are not there.
        remembered: all paths that are known.
        found: paths that were found there now, as a set.
        unlisted: folders that could not be listed: nothing below them is missing.
    """
    at, below = frozenset(tops), tuple(os.path.join(top, "") for top in tops)
    blind = tuple(os.path.join(folder, "") for folder in unlisted)
    return [
        path
        for path in dict.fromkeys(remembered)
        if path not in found and (path in at or path.startswith(below)) and not path.startswith(blind) and is_gone(path)
    ]


def prune(
    missing: Iterable[str],
    *,
    tops: Sequence[str],
    steady: Set[str],
    devices: Devices,
    out_of_sight: Mapping[str, Sequence[str]],
    forget: Sequence[str | os.PathLike[str]],
) -> Pruning:
    """Tell missing files that are gone for good from those that may only be out of sight.

    Args:
        missing: as `missing_files` gives them.
        tops: absolute paths of folders that were walked.
        steady: remembered files that were found and hold what they held.
        devices: what is remembered of the folders' devices.
        out_of_sight: what is remembered of folders that were out of sight before, see `still_out_of_sight`.
        forget: files and folders that the user names: what is missing there is gone for good.
    """
    named = [absolute(path) for path in forget]
    vouching = {folder for path in steady for folder in folders_above(path)}
    others = {folder for folder, paths in out_of_sight.items() if steady.isdisjoint(paths)}
    gone: list[str] = []
    kept: dict[str, list[str]] = defaultdict(list)
    elsewhere: set[str] = set()
    matched: set[str] = set()
    for path in missing:
        if at := [one for one in named if is_at_or_below(path, one)]:
            matched.update(at)
            gone.append(path)
        elif folder := devices.elsewhere(path):
            elsewhere.add(folder)
            kept[folder].append(path)
        elif above := [folder for folder in folders_above(path) if folder in others]:
            kept[above[-1]].append(path)
        elif os.path.dirname(path) in vouching:
            gone.append(path)
        else:
            kept[_highest_blank(path, tops, vouching)].append(path)
    unmatched = [os.fsdecode(given) for given, place in zip(forget, named, strict=True) if place not in matched]
    return Pruning(gone, dict(kept), frozenset(elsewhere), unmatched)


def still_out_of_sight(
    remembered: Mapping[str, Sequence[str]], pruning: Pruning, *, tops: Sequence[str]
) -> dict[str, list[str]]:
    """What is to be remembered of folders that are out of sight, in the place of what was.

    Args:
        remembered: by folder, some of the files that are missing below it.
        pruning: what became of missing files below `tops`.
        tops: absolute paths of folders that were walked: of others nothing new is known.
    """
    kept = {
        folder: list(paths)
        for folder, paths in remembered.items()
        if not any(is_at_or_below(folder, top) for top in tops)
    }
    for folder, missing in pruning.out_of_sight.items():
        if folder not in pruning.elsewhere and folder not in kept:  # of a device, that is remembered which was there
            kept[folder] = missing[:: -(-len(missing) // _REMEMBERED)]
    return kept


def kept_folders(pruning: Pruning, *, known: Collection[str]) -> list[KeptFolder]:
    """What is to be told of files that are kept.

    Args:
        pruning: what became of missing files.
        known: files that hold pictures now; others (refused ones, and those found again elsewhere) are not told of.
    """
    counts = {folder: sum(path in known for path in paths) for folder, paths in pruning.out_of_sight.items()}
    return [
        KeptFolder(folder, count, _why(folder, is_elsewhere=folder in pruning.elsewhere))
        for folder, count in sorted(counts.items())
        if count
    ]


def _highest_blank(path: str, tops: Sequence[str], vouching: Collection[str]) -> str:
    """The highest folder on the way from the highest top down to a file below which nothing known is left.

    The file itself, where it is a top.
    """
    on_the_way = list(folders_above(path))
    while on_the_way and on_the_way[-1] not in tops:
        on_the_way.pop()
    return next((folder for folder in reversed(on_the_way) if folder not in vouching), path)


def _why(folder: str, *, is_elsewhere: bool) -> str:
    """How a folder looks now."""
    try:
        with os.scandir(folder) as entries:
            is_empty = next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return "the link leads nowhere" if os.path.islink(folder) else "the folder is not there"
    except OSError as error:
        return f"the folder cannot be listed: {error.strerror or error}"
    if is_empty:
        return "the folder is empty"
    if is_elsewhere:
        return "the folder lies on another disk than before, or on one that bears another number now"
    return "the folder holds none of the pictures that were there before"
