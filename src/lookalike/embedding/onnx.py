"""Embedding with ONNX Runtime, in this process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime

from lookalike.core.errors import ModelUnavailable
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.pixels import check_pixels, squeeze
from lookalike.models.card import ModelCard, card_from_metadata
from lookalike.models.store import MODEL_IDS, ModelFile

_FATAL = 4
_AT_ONCE = 4


class OnnxEmbedder:
    """Runs any model file that takes `pixels`, uint8 (N, H, W, 3), and gives `embedding`, float32 (N, D).

    One session serves all threads; each call computes on the thread that makes it: on two cores two callers with a
    thread each are faster than one with two. Four pictures at a time are 7 % faster than one by one; more gain nothing.

    Args:
        model: the file, as `load_model` or `default_model` give it.
        providers: of ONNX Runtime, in order of preference; the CPU if None.
    Raises:
        ModelUnavailable: when the file is no ONNX model, is not all of one, has no card, or other inputs and outputs
            than these.
    """

    def __init__(self, model: ModelFile, *, providers: Sequence[str] | None = None) -> None:
        self._session = _open_session(model, providers=list(providers or ["CPUExecutionProvider"]))
        self._card = card_from_metadata(self._session.get_modelmeta().custom_metadata_map, model_id=model.id)
        _check_contract(self._session, self._card)

    @property
    def card(self) -> ModelCard:
        """What the model is; `card.id` names its vectors."""
        return self._card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures; see `Embedder.embed`."""
        side = self._card.input_side
        vectors = np.empty((len(images), self._card.dimension), np.float32)
        for start in range(0, len(images), _AT_ONCE):
            several = enumerate(images[start : start + _AT_ONCE], start)
            batch = np.stack([squeeze(check_pixels(image, position=n), side) for n, image in several])
            (vectors[start : start + len(batch)],) = self._session.run(["embedding"], {"pixels": batch})
        return vectors

    def close(self) -> None:
        """Nothing: the session goes with the last reference to this."""


def _open_session(model: ModelFile, *, providers: list[str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.load_model_format", "ONNX")  # and not whatever the bytes look like
    if model.id not in MODEL_IDS.values():
        # x86 without VNNI adds pairs of 8-bit products in 16 bits, which overflow; this makes it take the longer way.
        # Our own weights have 7 bits and do not need it, and it takes 0.2 s of a session's start.
        options.add_session_config_entry("session.x64quantprecision", "1")
    where = model.path or f"model {model.id[:12]}"
    if model.id not in MODEL_IDS.values():
        from lookalike.models.whole import read_whole  # brings in onnx, which our own models do without

        read_whole(model.content, where=str(where))
    try:
        return onnxruntime.InferenceSession(model.content, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors share no base but Exception
        raise ModelUnavailable(
            f"ONNX Runtime cannot open {where}: {str(error).splitlines()[0]}; export the model anew with opset 13 to 21"
        ) from error


def _check_contract(session: onnxruntime.InferenceSession, card: ModelCard) -> None:
    expected = [("pixels", "tensor(uint8)", 3), ("embedding", "tensor(float)", card.dimension)]
    found = [(value.name, value.type, value.shape[-1]) for value in (*session.get_inputs(), *session.get_outputs())]
    if found != expected:
        raise ModelUnavailable(
            f"expected a model with inputs and outputs (name, type, last extent) {expected}, got {found}: "
            "wrap a model of another tool with lookalike.models.adapt"
        )
