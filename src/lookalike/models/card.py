"""What a model is: one ONNX file whose card travels in its `metadata_props`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The facts of a model.

    Attributes:
        id: SHA-256 of the model file, 64 hexadecimal digits: the name of its vectors.
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
