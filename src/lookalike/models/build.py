"""From the published weights to the model file that comes with the install."""

from __future__ import annotations

from typing import Literal

from lookalike.models.arithmetic import Arithmetic, Float32
from lookalike.models.assemble import assemble
from lookalike.models.efficientnet_lite0 import read_network
from lookalike.models.quantise import Int8, read_calibration
from lookalike.models.torch_pickle import read_state_dict


def build_default_model(weights: bytes, *, precision: Literal["int8", "fp32"]) -> bytes:
    """Build the model file.

    Args:
        weights: the file of the weights package.
        precision: `int8` or `fp32`.
    Returns:
        the file, the same bytes on every machine.
    Raises:
        ModelUnavailable: when the weights cannot be used.
    """
    arithmetic: Arithmetic = Float32() if precision == "fp32" else Int8(read_calibration())
    return assemble(read_network(read_state_dict(weights)), arithmetic)
