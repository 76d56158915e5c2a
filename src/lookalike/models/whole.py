"""A model is its bytes and nothing else: one whose numbers lie in other files is not read.

ONNX lets a tensor name a file, a place in it and a length. ONNX Runtime looks for it from the current folder on, so
that the same bytes would compute something else elsewhere, and a stranger's model could read files of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from onnx import TensorProto

from lookalike.core.errors import ModelUnavailable


def read_whole(content: bytes, *, where: str) -> onnx.ModelProto:
    """Parse a model.

    Args:
        content: of the file.
        where: what the file is called in errors.
    Raises:
        ModelUnavailable: when it is no ONNX model, or any tensor of it, wherever it stands, lies outside of it.
    """
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception:  # protobuf's own errors, which differ with how it was built
        raise ModelUnavailable(
            f"expected an ONNX model, but {where} is none; export one, or correct the path"
        ) from None
    for tensor in (one for one in _within(model) if isinstance(one, TensorProto)):
        if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
            raise ModelUnavailable(
                f"expected a model in one file, but in {where} the tensor {tensor.name[:80]!r} lies in another: "
                "save it as one first: onnx.save(onnx.load(PATH), NEW_PATH)"
            )
    return model


def has_sparse(model: onnx.ModelProto) -> bool:
    """Whether a constant of the model, wherever it stands, is a sparse tensor."""
    return any(isinstance(one, onnx.SparseTensorProto) for one in _within(model))


def _within(message: Any) -> Iterator[Any]:
    """What a model consists of: nodes, attributes and tensors, also of subgraphs and functions, and what ONNX adds."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for one in [value] if hasattr(value, "ListFields") else value:
            yield one
            yield from _within(one)
