"""The product of 8-bit codes, by ONNX Runtime: with VNNI or AMX three to eleven times as fast as one of float32.

One graph of any extents serves every left side, so nothing is built or packed for a set of vectors. The left side is
unsigned and the right one signed: of two signed sides ONNX Runtime makes a product eight times slower. A right side of
many columns gets a graph of its own, which takes a millisecond and saves packing it for every product: a third faster.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ZERO = 128
"""The code of 0 on the left."""

WIDEST = 1 << 16
"""Products of more codes could overflow."""

_FATAL = 4
_OWN_GRAPH_FROM = 64  # columns


@lru_cache(maxsize=1)
def largest_right() -> int:
    """The largest code on the right with which this processor's products are right.

    x86 without VNNI adds pairs of products in 16 bits, which overflow from 65 on.
    """
    left = np.full((64, 256), 255, np.uint8)
    for rows in (1, 64):
        for columns in (1, 64):
            right = np.full((256, columns), 127, np.int8)
            found = products(left[:rows], right)
            if (found != 256 * (255 - ZERO) * 127).any():
                return 64
    return 127


def products(left: NDArray[np.uint8], right: NDArray[np.int8]) -> NDArray[np.float32]:
    """The products themselves, less those of `ZERO`.

    Args:
        left: shape (N, D), uint8, codes and `ZERO`.
        right: shape (D, Q), int8.
    Returns:
        shape (N, Q), float32, whole numbers rounded, a new array.
    """
    (answer,) = _share_session("products", 1).run(["products"], {"left": left, "right": right})
    return np.asarray(answer)


class Right:
    """A right side, to be compared with limits again and again.

    Args:
        codes: shape (D, Q), int8, C-contiguous.
        threads: how many to compute with.
    """

    def __init__(self, codes: NDArray[np.int8], *, threads: int) -> None:
        self.codes = codes
        if codes.shape[1] < _OWN_GRAPH_FROM:
            self._session, self._given = _share_session("over", threads), {"right": codes}
        else:
            self._session, self._given = _session("over", threads, right=codes), {}

    def reaching(
        self, left: NDArray[np.uint8], weights: NDArray[np.float32], limits: NDArray[np.float32]
    ) -> NDArray[np.intp]:
        """Which products reach the limit of their pair.

        Args:
            left: shape (N, D), uint8, codes and `ZERO`.
            weights: shape (N, 4), float32.
            limits: shape (4, Q), float32: the limit of a pair is `weights[n] @ limits[:, q]`.
        Returns:
            shape (P,), intp, ascending: n * Q + q of each such pair.
        """
        given = {"left": left, "weights": weights, "limits": limits, **self._given}
        (over,) = self._session.run(["over"], given)
        return np.flatnonzero(over)


@lru_cache(maxsize=8)
def _share_session(name: str, threads: int) -> InferenceSession:
    """For right sides that are given with each call."""
    return _session(name, threads, right=None)


def _session(name: str, threads: int, *, right: NDArray[np.int8] | None) -> InferenceSession:
    """Imported where it is used: a search of few vectors is over before ONNX Runtime has started."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    tensor, scalar = helper.make_tensor_value_info, helper.make_tensor
    inputs = [tensor("left", TensorProto.UINT8, [None, None])]
    multiplied = ["left", "right", "one", "one", "zero"]
    nodes = [helper.make_node("MatMulIntegerToFloat", multiplied, ["products"], domain="com.microsoft")]
    output = tensor("products", TensorProto.FLOAT, [None, None])
    if name == "over":
        inputs += [tensor("weights", TensorProto.FLOAT, [None, 4]), tensor("limits", TensorProto.FLOAT, [4, None])]
        nodes.append(helper.make_node("MatMul", ["weights", "limits"], ["limit"]))
        nodes.append(helper.make_node("GreaterOrEqual", ["products", "limit"], ["over"]))
        output = tensor("over", TensorProto.BOOL, [None, None])
    constants = [scalar("one", TensorProto.FLOAT, [], [1.0]), scalar("zero", TensorProto.UINT8, [], [ZERO])]
    if right is None:
        inputs.append(tensor("right", TensorProto.INT8, [None, None]))
    else:
        constants.append(numpy_helper.from_array(right, "right"))
    graph = helper.make_graph(nodes, name, inputs, [output], initializer=constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
