from __future__ import annotations

import numpy as np
import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.models.efficientnet_lite0 import read_network
from lookalike.models.store import read_weights
from lookalike.models.torch_pickle import read_state_dict


def test_the_network_has_sixteen_blocks_of_which_nine_add_what_came_in() -> None:
    network = read_network(read_state_dict(read_weights()))

    assert len(network.blocks) == 16
    assert sum(block.residual for block in network.blocks) == 9
    assert len(list(network.convolutions())) == 1 + 2 + 15 * 3 + 1


def test_a_missing_or_misshapen_tensor_is_named() -> None:
    weights = read_state_dict(read_weights())
    name = "_blocks.3._expand_conv.weight"

    with pytest.raises(ModelUnavailable, match=rf"{name}.*got nothing"):
        read_network({key: value for key, value in weights.items() if key != name})
    with pytest.raises(ModelUnavailable, match=rf"{name}.*shape \(2, 2\)"):
        read_network(weights | {name: np.zeros((2, 2), np.float32)})
