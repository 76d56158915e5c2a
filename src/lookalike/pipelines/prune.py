"""Which known files are gone for good, and which are only out of sight.

A file is missing where nothing bears its name any more. It is gone for good only where its folder vouches for that: the
folder can still be listed, and at least one picture that was known in it, or below it, is still there. A folder that
has vanished, is empty, or holds none of what was known in it may be a drive that is not mounted, another drive at the
same place, or a link to nowhere: what was known below it is kept, unless the user names it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lookalike.pipelines.walk import absolute, is_gone


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
    """What a look at missing files has found.

    Attributes:
        gone: files that are to be forgotten.
        out_of_sight: by folder, missing files that are kept.
    """

    gone: list[str]
    out_of_sight: dict[str, list[str]]


def missing_files(
    tops: Sequence[str | os.PathLike[str]],
    *,
    remembered: Collection[str],
    found: Collection[str],
    unlisted: Iterable[str],
    forget: Sequence[str | os.PathLike[str]],
) -> Pruning:
    """Look for remembered files below folders that are missing there.

    Args:
        tops: folders that were walked.
        remembered: all paths that are known.
        found: paths that were found there now.
        unlisted: folders that could not be listed: nothing below them is missing.
        forget: files and folders that the user names: what is missing there is gone for good.
    """
    here, named = set(found), [absolute(path) for path in forget]
    blind = tuple(os.path.join(folder, "") for folder in unlisted)
    vouching = {folder for path in remembered if path in here for folder in _folders_above(path)}
    gone: list[str] = []
    out_of_sight: dict[str, list[str]] = defaultdict(list)
    for top in dict.fromkeys(map(absolute, tops)):
        below = os.path.join(top, "")
        for path in remembered:
            if path in here or not path.startswith(below) or path.startswith(blind) or not is_gone(path):
                continue
            if os.path.dirname(path) in vouching or any(_is_at_or_below(path, one) for one in named):
                gone.append(path)
            else:
                out_of_sight[_highest_blank(path, top, vouching)].append(path)
    return Pruning(list(dict.fromkeys(gone)), dict(out_of_sight))


def kept_folders(out_of_sight: dict[str, list[str]], *, known: Collection[str]) -> list[KeptFolder]:
    """What is to be told of files that are kept.

    Args:
        out_of_sight: as in `Pruning`.
        known: files that hold pictures now; others (refused ones, and those found again elsewhere) are not told of.
    """
    counts = {folder: len({path for path in paths if path in known}) for folder, paths in out_of_sight.items()}
    return [KeptFolder(folder, count, _why(folder)) for folder, count in sorted(counts.items()) if count]


def _folders_above(path: str) -> Iterator[str]:
    folder = os.path.dirname(path)
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _is_at_or_below(path: str, place: str) -> bool:
    return path == place or path.startswith(os.path.join(place, ""))


def _highest_blank(path: str, top: str, vouching: Collection[str]) -> str:
    """The highest folder on the way from `top` down to a file below which nothing known is left."""
    on_the_way = [folder for folder in _folders_above(path) if _is_at_or_below(folder, top)]
    return next(folder for folder in reversed(on_the_way) if folder not in vouching)


def _why(folder: str) -> str:
    """How a folder looks now."""
    try:
        with os.scandir(folder) as entries:
            is_empty = next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return "the link leads nowhere" if os.path.islink(folder) else "the folder is not there"
    except OSError as error:
        return f"the folder cannot be listed: {error.strerror or error}"
    return "the folder is empty" if is_empty else "the folder holds none of the files that were known in it"
