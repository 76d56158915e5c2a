"""Embedding by a model that is served elsewhere. What a server answers is looked at before anybody computes with it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import numpy as np

from lookalike.core.ending import check_wanted, current_ending
from lookalike.core.errors import ModelUnavailable, WrongModel
from lookalike.core.retrying import Retrying
from lookalike.core.vectors import Pixels, Vectors, normalise
from lookalike.embedding.pixels import check_pixels, squeeze
from lookalike.embedding.transport import Inferred, ServedModel, Transport
from lookalike.models.card import ModelCard

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MOST_AT_ONCE: Final = 32
"""Pictures in a request, however many the server takes: of 224 pixels these are 5 MB."""

LENGTH_TOLERANCE: Final = 1e-2
"""How far from 1 the length of a vector may be, for servers that compute with 16 bits."""


class Ask(Protocol[T_co]):
    """A request."""

    def __call__(self, *, timeout_s: float) -> T_co:
        """Make it; it may take so long, in seconds."""
        ...


class RemoteEmbedder:
    """See `lookalike.embedding.base.Embedder`. Asks the server what it serves when that is first needed.

    Args:
        transport: asks the server; is closed with this.
        expected_id: of the model that must be served; None for whichever is.
        call_timeout_s: how long one request may take, in seconds; less where the work ends sooner.
        retrying: how often a request is made that may be made again.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        expected_id: str | None = None,
        call_timeout_s: float = 10.0,
        retrying: Retrying | None = None,
    ) -> None:
        self._transport = transport
        self._expected_id = expected_id
        self._call_timeout_s = call_timeout_s
        self._retrying = retrying or Retrying()
        self._setting = threading.Lock()
        self._model: ServedModel | None = None

    @property
    def card(self) -> ModelCard:
        """What the model is; `card.id` names its vectors.

        Raises:
            ServiceDown, Overloaded: when the server does not answer, however often it is asked.
            DeadlineExceeded: when the work was to end before it did.
            ModelUnavailable: when it does not have the model, or describes none that can be used.
            WrongModel: when it serves another model than the one that is expected.
        """
        return self._describe().card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures; see `Embedder.embed`. Raises also as `card`.

        Raises:
            ModelUnavailable: when an answer is not (N, D), not finite, or has rows that are not of length 1.
            WrongModel: when another model than before has answered; no vector of it is given.
        """
        served = self._describe()
        checked = [check_pixels(image, position=n) for n, image in enumerate(images)]
        vectors = np.empty((len(checked), served.dimension), np.float32)
        at_once = min(served.most_at_once, MOST_AT_ONCE)
        for start in range(0, len(checked), at_once):
            batch = np.stack([squeeze(image, served.input_side) for image in checked[start : start + at_once]])
            answer = self._ask(partial(self._transport.infer, batch))
            vectors[start : start + len(batch)] = _check(answer, served, count=len(batch))
        return vectors

    def close(self) -> None:
        """Let go of the server. Idempotent."""
        self._transport.close()

    def _describe(self) -> ServedModel:
        if self._model is None:
            served = self._connect()
            with self._setting:  # all threads have the same, whoever of them asked first
                self._model = self._model or served
        return self._model

    def _connect(self) -> ServedModel:
        served = self._ask(self._transport.describe)
        if min(served.dimension, served.input_side, served.most_at_once) < 1:
            raise ModelUnavailable(f"expected a model that takes and gives something, got {served}: look at the server")
        if self._expected_id is not None and served.card.id != self._expected_id:
            raise WrongModel(
                f"expected the model {self._expected_id[:12]}, but {served.name} {served.version}, "
                f"{served.card.id[:12]}, is served: serve the collection's own there, or index into a new collection"
            )
        return served

    def _ask(self, ask: Ask[T]) -> T:
        return self._retrying.run(lambda: ask(timeout_s=self._timeout_s()))

    def _timeout_s(self) -> float:
        check_wanted()
        when = current_ending()
        left_s = None if when is None else when.left_s
        return self._call_timeout_s if left_s is None else min(self._call_timeout_s, max(left_s, 0.001))


def _check(answer: Inferred, served: ServedModel, *, count: int) -> Vectors:
    """The vectors of an answer, normalised; shape (count, D), float32.

    Raises:
        WrongModel, ModelUnavailable: see `RemoteEmbedder.embed`.
    """
    told = (answer.version, answer.identity or served.identity)
    if told != (served.version, served.identity):
        raise WrongModel(
            f"expected vectors of {served.name} {served.version} {served.identity[:12]}, but version {told[0]} "
            f"{told[1][:12]} has answered: the server serves another model now; put the former back, or open anew"
        )
    vectors = np.asarray(answer.vectors)
    if vectors.shape != (count, served.dimension) or vectors.dtype.kind != "f":
        raise _unusable(served, f"floats of shape ({count}, {served.dimension})", f"{vectors.dtype} {vectors.shape}")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.all(np.abs(lengths - 1) <= LENGTH_TOLERANCE):  # which NaN is not, either
        raise _unusable(served, "vectors of length 1", f"lengths from {np.min(lengths):.4g} to {np.max(lengths):.4g}")
    return normalise(vectors.astype(np.float32))


def _unusable(served: ServedModel, expected: str, got: str) -> ModelUnavailable:
    return ModelUnavailable(f"expected {expected} of the served model {served.name}, got {got}: look at the server")
