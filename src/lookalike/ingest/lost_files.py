"""Remembered files that a run has not found: gone through in batches, and forgotten where they are gone for good."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import chain, islice

from lookalike.catalog.base import Catalog
from lookalike.core.paths import is_gone
from lookalike.core.records import FileRecord
from lookalike.ingest.devices import folders_above, is_at_or_below
from lookalike.ingest.prune import Pruning
from lookalike.ingest.write_batch import Said

_AT_ONCE = 4_096


class LostFiles:
    """Looks for them below folders that were walked.

    Args:
        catalog: remembers files.
        tops: absolute paths that were walked, or are not there.
        found: paths that were found there.
        unlisted: folders that could not be listed: nothing below them is missing.
        pruning: tells which are gone for good.
    Attributes:
        lacking: the folders above files with pictures that stay remembered and were not found.
    """

    def __init__(
        self,
        catalog: Catalog,
        tops: Sequence[str],
        *,
        found: Container[str],
        unlisted: Sequence[str],
        pruning: Pruning,
    ) -> None:
        self._catalog = catalog
        self._tops = outermost(tops)
        self._found = found
        self._blind = tuple(os.path.join(folder, "") for folder in unlisted)
        self._pruning = pruning
        self.lacking: set[str] = set()

    def forget(self, forget: Callable[[Sequence[Said]], None] | None) -> None:
        """Go through them all.

        Args:
            forget: is given those that are gone for good, some at a time; None where they are to stay.
        """
        gone = (one for one in self._missing() if self._is_to_go(one, forgets=forget is not None))
        while some := list(islice(gone, _AT_ONCE)):
            if forget is not None:
                forget(some)

    def _is_to_go(self, one: Said, *, forgets: bool) -> bool:
        holds_picture = isinstance(one, FileRecord)
        is_to_go = self._pruning.is_gone(one.path, holds_picture=holds_picture)
        if holds_picture and not (is_to_go and forgets):
            self._lacks(one.path)
        return is_to_go

    def _missing(self) -> Iterator[Said]:
        for one in chain.from_iterable(self._remember(top) for top in self._tops):
            if one.path in self._found:
                continue
            if one.path.startswith(self._blind):
                if isinstance(one, FileRecord):
                    self._lacks(one.path)
            elif is_gone(one.path):
                yield one

    def _remember(self, top: str) -> Iterator[Said]:
        return chain(self._catalog.files(below=top), self._catalog.refused(below=top))

    def _lacks(self, path: str) -> None:
        for folder in folders_above(path):
            if folder in self.lacking:
                break
            self.lacking.add(folder)


def outermost(tops: Sequence[str]) -> list[str]:
    """Those that lie at or below none of the others, each once, in their order."""
    distinct = list(dict.fromkeys(tops))
    return [one for one in distinct if not any(one != other and is_at_or_below(one, other) for other in distinct)]
