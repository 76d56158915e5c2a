"""On which device folders lie: how another disk at the same place is told from the one that was there before.

A file system bears a number. Where it stands for the file system itself (ext4, btrfs, ZFS, most of Linux), it stays the
same wherever and whenever that is mounted. XFS, FAT and macOS number by the device or the mount instead: there the same
disk may come back under a new number, and two may bear the same one. Some network file systems and FUSE bear none, and
Windows tells none: then nothing is known, and nothing is said.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Iterator, Mapping

UNKNOWN = ""


def device_of(folder: str) -> str:
    """The number of the file system in which a folder lies, in hexadecimal; `UNKNOWN` where nothing tells it."""
    if not hasattr(os, "statvfs"):  # Windows
        return UNKNOWN
    try:
        number = os.statvfs(folder).f_fsid
    except (OSError, ValueError):
        return UNKNOWN
    return f"{number:x}" if number else UNKNOWN


def folders_above(path: str) -> Iterator[str]:
    """The folders in which a file or folder lies, the lowest first."""
    folder = os.path.dirname(path)
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def is_at_or_below(path: str, place: str) -> bool:
    """Whether a path is that place, or leads there first."""
    return path == place or path.startswith(os.path.join(place, ""))


class Devices:
    """Devices as they are now beside those that are remembered; each folder is looked at once.

    Args:
        remembered: by folder, the device on which it lay when nothing that is known was missing below it. It holds
            for all below that has no entry of its own.
    """

    def __init__(self, remembered: Mapping[str, str]) -> None:
        self._remembered = dict(remembered)
        self._now: dict[str, str] = {}

    def elsewhere(self, path: str) -> str | None:
        """The highest folder above a file that lies on another device than is remembered of it, if there is one."""
        on_the_way: list[str] = []
        for folder in folders_above(path):
            on_the_way.append(folder)
            if before := self._remembered.get(folder):
                return next((one for one in reversed(on_the_way) if self._device(one) not in (UNKNOWN, before)), None)
        return None

    def to_remember(self, tops: Collection[str], *, holding: Iterable[str], lacking: Container[str]) -> dict[str, str]:
        """What is to be remembered once folders were walked, in the place of what was.

        Args:
            tops: absolute paths that were walked.
            holding: folders that hold files which were found.
            lacking: folders above files that are still known and were not found: none of them is taken as it is.
        """
        remembered = dict(self._remembered)
        for folder in _find_seen(tops, holding):
            device = self._device(folder)
            begins = folder in tops or device != self._device(os.path.dirname(folder))
            if device == UNKNOWN or not (begins or folder in remembered) or folder in lacking:
                continue
            if device == _nearest(remembered, folder):
                remembered.pop(folder, None)
            else:
                remembered[folder] = device
        return remembered

    def beside(self, remembered: Mapping[str, str]) -> Devices:
        """The same devices as they were seen, beside what is remembered by now."""
        other = Devices(remembered)
        other._now = self._now
        return other

    def _device(self, folder: str) -> str:
        if folder not in self._now:
            self._now[folder] = device_of(folder)
        return self._now[folder]


def _find_seen(tops: Collection[str], holding: Iterable[str]) -> list[str]:
    """Folders that hold found files, from those that were walked down; each after those above it."""
    seen: set[str] = set()
    for lowest in holding:
        way: list[str] = []
        for folder in (lowest, *folders_above(lowest)):
            way.append(folder)
            if folder in seen or folder in tops:
                seen.update(way)
                break
    return sorted(seen)


def _nearest(remembered: Mapping[str, str], folder: str) -> str:
    """The device that is remembered of the lowest folder above."""
    return next((remembered[one] for one in folders_above(folder) if one in remembered), UNKNOWN)
