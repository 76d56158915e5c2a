"""The cards of models by their ids. An id is the SHA-256 of a file, so that what is known of it holds for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lookalike.models.card import ModelCard


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What is told of a model.

    Attributes:
        card: its card.
        size_bytes: of its file.
    """

    card: ModelCard
    size_bytes: int


class ModelCards:
    """Reads a model's file once. Safe to use from many threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._known: dict[str, KnownModel] = {}

    def get(self, model_id: str, read: Callable[[], KnownModel]) -> KnownModel:
        """What is known of a model.

        Args:
            model_id: its id.
            read: opens the model where it is not known yet; what it raises is raised.
        """
        with self._mutex:
            known = self._known.get(model_id)
        if known is None:
            known = read()
            with self._mutex:
                self._known[known.card.id] = known
        return known
