"""From the published weights to the model files that come with the install."""

from __future__ import annotations

from lookalike.models.arithmetic import Arithmetic, Float32
from lookalike.models.assemble import assemble
from lookalike.models.efficientnet_lite0 import read_network
from lookalike.models.fine import assemble_fine
from lookalike.models.own import OwnModel
from lookalike.models.quantise import Int8, read_calibration
from lookalike.models.torch_pickle import read_state_dict


def build_default_model(weights: bytes, *, name: OwnModel) -> bytes:
    """Build a model file.

    Args:
        weights: the file of the weights package.
        name: which of them.
    Returns:
        the file, the same bytes on every machine.
    Raises:
        ModelUnavailable: when the weights cannot be used.
    """
    network = read_network(read_state_dict(weights))
    if name == "fine":
        return assemble_fine(network)
    arithmetic: Arithmetic = Float32() if name == "fp32" else Int8(read_calibration())
    return assemble(network, arithmetic)
