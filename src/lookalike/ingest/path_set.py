"""Millions of paths in little memory: the names of each folder in one text of bytes."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator

from lookalike.images.walk import FoundFile
from lookalike.storage.cache import BoundedCache

_MOST_FOLDERS = 64  # of which the names are taken apart at a time
_MOST_BYTES = 64_000_000
_BYTES_OF_A_NAME = 100  # in a set, beside its letters


class PathSet:
    """Absolute paths, each added once; some 20 bytes for each, where a set of texts has 150."""

    def __init__(self) -> None:
        self._names: dict[str, bytearray] = {}  # by folder, each name with a zero byte behind it
        self._apart: BoundedCache[tuple[str, int], frozenset[bytes]] = (
            BoundedCache(  # by folder, and how long its text is
                most_bytes=_MOST_BYTES, most_entries=_MOST_FOLDERS, keeps_last=True
            )
        )
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        folder, _, name = path.rpartition(os.sep)
        return folder in self._names and os.fsencode(name) in self._names_in(folder)

    def add(self, path: str) -> None:
        """Add one that is not there yet."""
        folder, _, name = path.rpartition(os.sep)
        names = self._names.get(folder)
        if names is None:
            names = self._names[folder] = bytearray()
        names += os.fsencode(name) + b"\0"
        self._count += 1

    def folders(self) -> Iterator[str]:
        """The folders in which they lie, each once."""
        return (folder or os.sep for folder in self._names)

    def _names_in(self, folder: str) -> frozenset[bytes]:
        names = self._names[folder]
        apart = self._apart.get((folder, len(names)))
        if apart is None:
            apart = frozenset(bytes(names).split(b"\0")[:-1])
            size_bytes = len(names) + _BYTES_OF_A_NAME * len(apart)
            self._apart.put((folder, len(names)), apart, size_bytes=size_bytes)
        return apart


class FilesToRead:
    """Found files in the order in which they were added, each with a number: some 44 bytes for each."""

    def __init__(self) -> None:
        self._by_folder: dict[str, tuple[bytearray, array[int]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, file: FoundFile, number: int) -> None:
        """Add one with a whole number of 63 bits."""
        folder, _, name = file.path.rpartition(os.sep)
        if folder not in self._by_folder:
            self._by_folder[folder] = bytearray(), array("q")
        names, numbers = self._by_folder[folder]
        names += os.fsencode(name) + b"\0"
        numbers.extend((file.size_bytes, file.mtime_ns, number))
        self._count += 1

    def __iter__(self) -> Iterator[tuple[FoundFile, int]]:
        for folder, (names, numbers) in self._by_folder.items():
            for n, name in enumerate(bytes(names).split(b"\0")[:-1]):
                size_bytes, mtime_ns, number = numbers[3 * n : 3 * n + 3]
                yield FoundFile(f"{folder}{os.sep}{os.fsdecode(name)}", size_bytes, mtime_ns), number
