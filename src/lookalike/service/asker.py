"""For whom something is done: so that nobody, and no collection, takes what is there for all."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class Asker(NamedTuple):
    """Who asks.

    Attributes:
        name: of the principal; '' for the service itself.
        collection: that they ask about; '' for none.
    """

    name: str = ""
    collection: str = ""


_ASKER: ContextVar[Asker] = ContextVar("asker")


def note_asker(name: str, collection: str | None) -> None:
    """Remember for this request or connection who was let in, and to what."""
    _ASKER.set(Asker(name, collection or ""))


def current_asker() -> Asker:
    """For whom this is done."""
    return _ASKER.get(Asker())
