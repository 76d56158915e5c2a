"""One embedder for all who use the same model in this process: fifty collections of one model have one session."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence

from lookalike.core.ending import turn_of
from lookalike.core.errors import ModelUnavailable, WrongModel
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.base import Embedder
from lookalike.models.card import ModelCard


class SharedEmbedders:
    """Lends embedders by the ids of their models. Safe to use from many threads.

    An embedder is made for the first who borrows it. It is closed when the last has given it back, by closing what was
    borrowed or by letting go of it.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._lent: dict[str, _Lent] = {}
        self._given_back = deque[_Lent]()

    def __len__(self) -> int:
        """How many models are lent at the moment."""
        return len(self._lent)

    def borrow(self, model_id: str, make: Callable[[], Embedder]) -> Embedder:
        """The embedder of a model; whoever borrows it closes it, which leaves it to the others.

        Args:
            model_id: of the model.
            make: makes it; called for the first who borrows it, while others who want it wait. What it raises, that
                call raises, and the next one calls it again.
        Raises:
            WrongModel: when what was made is of another model.
        """
        with self._mutex:
            lent = self._lent.setdefault(model_id, _Lent(model_id))
            lent.users += 1
        borrowed = _Borrowed(lent, self._give_back)  # from here on it gives itself back, whatever happens
        self._take_back()
        try:
            lent.make(make)
        except BaseException:
            borrowed.close()
            raise
        return borrowed

    def _give_back(self, lent: _Lent) -> None:
        """May be called by the garbage collector, and so at any moment: also by a thread that has the lock."""
        self._given_back.append(lent)
        self._take_back()

    def _take_back(self) -> None:
        while self._given_back and self._mutex.acquire(blocking=False):
            try:
                unused = [lent for lent in self._pop() if lent.users == 0]
                for lent in unused:
                    if self._lent.get(lent.model_id) is lent:
                        del self._lent[lent.model_id]
            finally:
                self._mutex.release()
            for lent in unused:
                lent.close()

    def _pop(self) -> list[_Lent]:
        found = []
        while self._given_back:
            lent = self._given_back.popleft()
            lent.users -= 1
            found.append(lent)
        return found


class _Lent:
    """An embedder, or the place for one, and how many have borrowed it."""

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id
        self.users = 0
        self.embedder: Embedder | None = None
        self._making = threading.Lock()

    def make(self, make: Callable[[], Embedder]) -> None:
        with turn_of(self._making):
            if self.embedder is not None:
                return
            made = make()
            if made.card.id != self.model_id:
                made.close()
                raise WrongModel(
                    f"expected the model {self.model_id[:12]}, got {made.card.id[:12]} ({made.card.name}): "
                    "name the file of the former"
                )
            self.embedder = made

    def close(self) -> None:
        embedder, self.embedder = self.embedder, None
        if embedder is not None:
            embedder.close()


class _Borrowed:
    """See `lookalike.embedding.base.Embedder`."""

    def __init__(self, lent: _Lent, give_back: Callable[[_Lent], None]) -> None:
        self._lent = lent
        self._giving_back = weakref.finalize(self, give_back, lent)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._embedder.card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures; see `Embedder.embed`."""
        return self._embedder.embed(images)

    def close(self) -> None:
        """Give it back. Idempotent."""
        self._giving_back()

    @property
    def _embedder(self) -> Embedder:
        embedder = self._lent.embedder if self._giving_back.alive else None
        if embedder is None:
            raise ModelUnavailable("expected an embedder that is open, got one that was closed: open the model again")
        return embedder
