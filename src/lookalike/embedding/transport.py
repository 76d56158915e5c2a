"""What an engine for a server of models has to bring: how it is asked. All else is in `RemoteEmbedder`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.models.card import ModelCard, served_model_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """What a server says of a model.

    Attributes:
        name: under which it is served.
        version: likewise.
        identity: changes when the weights do, see `served_model_id`; '' where the server says nothing of the kind.
        dimension: D of its vectors.
        input_side: S, in pixels, of the squares that it takes.
        most_at_once: pictures that it takes in a request, at least 1.
        precision, licence, source, made: as on any card, see `ModelCard`; '' where they are not known.
    """

    name: str
    version: str
    identity: str
    dimension: int
    input_side: int
    most_at_once: int
    precision: str = ""
    licence: str = ""
    source: str = ""
    made: str = ""

    @property
    def card(self) -> ModelCard:
        """What the model is, in the form in which a model file says it."""
        return ModelCard(
            id=served_model_id(self.name, self.version, self.identity),
            name=self.name,
            version=self.version,
            precision=self.precision,
            dimension=self.dimension,
            input_side=self.input_side,
            licence=self.licence,
            source=self.source,
            made=self.made,
        )


class Inferred(NamedTuple):
    """What a server answers.

    Attributes:
        vectors: expected of shape (N, D), float32 or float16, rows of length 1; looked at by who asked.
        version: of the model that computed them, as the reply says it.
        identity: likewise; '' where replies do not say it.
    """

    vectors: NDArray[np.generic]
    version: str
    identity: str = ""


class Transport(Protocol):
    """One model of one server. Safe to call from many threads. Asks once: it tries nothing again.

    Every call raises

    - `ServiceDown` when there is no answer within `timeout_s`, or the connection is lost;
    - `Overloaded` when the server asks to come again, with the time that it says;
    - `ModelUnavailable` when it answers that it does not have the model, or with something that cannot be understood.
    """

    def describe(self, *, timeout_s: float) -> ServedModel:
        """What is served now."""
        ...

    def infer(self, pixels: NDArray[np.uint8], *, timeout_s: float) -> Inferred:
        """Have vectors computed.

        Args:
            pixels: shape (N, S, S, 3), uint8 RGB, C-contiguous; N from 1 to `most_at_once`.
            timeout_s: how long the answer may take in all, in seconds; above 0.
        """
        ...

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...
