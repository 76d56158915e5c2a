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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lookalike.core.paths import absolute
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


class Steady:
    """Remembered files that were found and hold what they did before: of millions of them, what is asked for.

    Args:
        watched: paths that are asked for one by one.
    """

    def __init__(self, watched: Iterable[str] = ()) -> None:
        self._watched = frozenset(watched)
        self.folders: set[str] = set()
        """All folders above them: each vouches for what is missing in it."""
        self.seen: set[str] = set()
        """Those of the watched ones."""

    def add(self, path: str) -> None:
        """Add one."""
        for folder in folders_above(path):
            if folder in self.folders:
                break
            self.folders.add(folder)
        if path in self._watched:
            self.seen.add(path)


class Pruning:
    """Tells missing files that are gone for good from those that may only be out of sight, one by one.

    Args:
        tops: absolute paths of folders that were walked.
        steady: remembered files that were found and hold what they did before, all of them.
        devices: what is remembered of the folders' devices.
        out_of_sight: what is remembered of folders that were out of sight before, see `still_out_of_sight`.
        forget: files and folders that the user names: what is missing there is gone for good.
    """

    def __init__(
        self,
        tops: Sequence[str],
        steady: Steady,
        devices: Devices,
        out_of_sight: Mapping[str, Sequence[str]],
        forget: Sequence[str | os.PathLike[str]],
    ) -> None:
        self._tops = tops
        self._vouching = steady.folders
        self._devices = devices
        self._others = {folder for folder, paths in out_of_sight.items() if steady.seen.isdisjoint(paths)}
        self._forget = forget
        self._named = [absolute(path) for path in forget]
        self._matched: set[str] = set()
        self._kept: dict[str, _Missing] = defaultdict(_Missing)
        self._elsewhere: set[str] = set()

    def is_gone(self, path: str, *, holds_picture: bool) -> bool:
        """Whether a missing file is to be forgotten; of one that is kept, the folder is noted.

        Args:
            path: of a file that is remembered, and not there.
            holds_picture: whether it had one; of others nobody is told.
        """
        if at := [one for one in self._named if is_at_or_below(path, one)]:
            self._matched.update(at)
            return True
        folder = self._devices.elsewhere(path)
        if folder is not None:
            self._elsewhere.add(folder)
        elif above := [one for one in folders_above(path) if one in self._others]:
            folder = above[-1]
        elif os.path.dirname(path) in self._vouching:
            return True
        else:
            folder = _highest_blank(path, self._tops, self._vouching)
        self._kept[folder].add(path, holds_picture=holds_picture)
        return False

    @property
    def unmatched(self) -> list[str]:
        """Places that the user named, at or below which nothing is missing."""
        named = zip(self._forget, self._named, strict=True)
        return [os.fsdecode(given) for given, place in named if place not in self._matched]

    def list_kept(self) -> list[KeptFolder]:
        """What is to be told of files that are kept."""
        return [
            KeptFolder(folder, missing.pictures, _why(folder, is_elsewhere=folder in self._elsewhere))
            for folder, missing in sorted(self._kept.items())
            if missing.pictures
        ]

    def still_out_of_sight(self, remembered: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """What is to be remembered of folders that are out of sight, in the place of what was.

        Args:
            remembered: by folder, some of the files that are missing below it.
        """
        kept = {
            folder: list(paths)
            for folder, paths in remembered.items()
            if not any(is_at_or_below(folder, top) for top in self._tops)  # of others nothing new is known
        }
        for folder, missing in self._kept.items():
            if folder not in self._elsewhere and folder not in kept:  # of a device, that is remembered which was there
                kept[folder] = missing.some
        return kept


class _Missing:
    """Missing files of a folder: how many hold pictures, and some of all, evenly spread."""

    def __init__(self) -> None:
        self.pictures = 0
        self._count = 0
        self._every = 1
        self._some: list[str] = []

    def add(self, path: str, *, holds_picture: bool) -> None:
        self.pictures += holds_picture
        if self._count % self._every == 0:
            self._some.append(path)
        self._count += 1
        if len(self._some) > 2 * _REMEMBERED:
            self._some = self._some[::2]
            self._every *= 2

    @property
    def some(self) -> list[str]:
        return self._some[:: -(-len(self._some) // _REMEMBERED)]


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
