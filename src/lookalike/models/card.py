"""What a model is: one ONNX file whose card travels in its `metadata_props`, or what a server says that it serves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lookalike.core.errors import ModelUnavailable

PREFIX = "lookalike."
"""Before each of the card's names in `metadata_props`, so that they meet no other tool's."""

_NUMBERS = ("dimension", "input_side")
_WORDS = ("name", "version", "precision", "licence", "source", "made")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The facts of a model.

    Attributes:
        id: 64 hexadecimal digits, the name of its vectors: SHA-256 of the model file or, of a model that is served
            elsewhere and has no file here, of what its server says that it is, see `served_model_id`.
        name: for people, for example `efficientnet-lite0`.
        version: of the way it was made.
        precision: `fp32` or `int8`.
        dimension: D of its vectors.
        input_side: in pixels; pictures are squeezed to this square inside the graph.
        licence: SPDX identifier.
        source: where the weights come from.
        made: how the file was made, one sentence.
    """

    id: str
    name: str
    version: str
    precision: str
    dimension: int
    input_side: int
    licence: str
    source: str
    made: str

    def metadata(self) -> dict[str, str]:
        """What is written into the file: everything but the id, which the file cannot know; sorted by name."""
        facts = asdict(self)
        del facts["id"]
        return {PREFIX + name: str(facts[name]) for name in sorted(facts)}


def served_model_id(name: str, version: str, identity: str) -> str:
    """The id of a model of which there is no file, only a server that says what it serves.

    Args:
        name: under which it is served.
        version: likewise.
        identity: whatever the server says that changes when the weights do, such as a hash of its own; '' where it says
            nothing of the kind, and then whoever runs it must give other weights another version.
    Returns:
        64 hexadecimal digits; the same wherever the server says the same.
    """
    told = "\n".join((str(len(name)), name, str(len(version)), version, identity))
    return hashlib.sha256(f"lookalike served model 1\n{told}".encode("utf-8", "surrogatepass")).hexdigest()


def card_from_metadata(metadata: Mapping[str, str], *, model_id: str) -> ModelCard:
    """Read the card that travels in a model file.

    Args:
        metadata: the file's `metadata_props`; names of other tools are passed over.
        model_id: SHA-256 of the file.
    Raises:
        ModelUnavailable: when a fact is missing, or a number is not a positive whole number.
    """
    missing = [name for name in (*_WORDS, *_NUMBERS) if PREFIX + name not in metadata]
    if missing:
        raise ModelUnavailable(
            f"the model carries no card (metadata_props lacks {', '.join(PREFIX + name for name in missing)}): "
            "wrap a model of another tool with lookalike.models.adapt"
        )
    words = {name: metadata[PREFIX + name] for name in _WORDS}
    numbers = {name: _positive(metadata[PREFIX + name], name=name) for name in _NUMBERS}
    return ModelCard(
        id=model_id,
        name=words["name"],
        version=words["version"],
        precision=words["precision"],
        dimension=numbers["dimension"],
        input_side=numbers["input_side"],
        licence=words["licence"],
        source=words["source"],
        made=words["made"],
    )


def _positive(text: str, *, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise ModelUnavailable(
            f"expected a positive whole number as {PREFIX}{name} on the model's card, got {text!r}"
            "; wrap the model anew with lookalike.models.adapt"
        )
    return int(text)
