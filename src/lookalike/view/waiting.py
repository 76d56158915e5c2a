"""What a search or another command may have to wait for, told to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

Reached: TypeAlias = Callable[[int], None]
"""Told how many of the pictures are done."""

Waiting: TypeAlias = Callable[[str, int], AbstractContextManager[Reached]]
"""Entered with what is being done, in words, and with how many pictures (0 where that is not known); left when it is
done. Most of it takes no time worth telling."""


@contextmanager
def untold(_what: str, _pictures: int) -> Iterator[Reached]:
    """Nobody wants to know."""
    yield lambda _done: None
