from __future__ import annotations

import numpy as np
import pytest

from lookalike.models.efficientnet_lite0 import Convolution, read_network
from lookalike.models.quantise import LARGEST_WEIGHT, quantise_weight, read_calibration
from lookalike.models.store import read_weights
from lookalike.models.torch_pickle import read_state_dict

INPUT_SCALE = np.float32(6 / 255)


def convolution(weight: np.ndarray, bias: np.ndarray | None = None) -> Convolution:
    bias = np.zeros(len(weight), np.float32) if bias is None else bias
    return Convolution("a", weight.astype(np.float32), bias.astype(np.float32), stride=1, groups=1, relu6=True)


def test_no_pair_of_products_overflows_sixteen_bits() -> None:
    assert 2 * 255 * LARGEST_WEIGHT < 2**15


def test_each_weight_is_within_one_level_and_each_sum_within_half_a_level() -> None:
    weight = np.random.default_rng(0).normal(size=(50, 7, 3, 3))

    quantised = quantise_weight(convolution(weight), input_scale=INPUT_SCALE)

    lost = weight / quantised.scales[:, None, None, None] - quantised.levels
    assert np.abs(quantised.levels).max() == LARGEST_WEIGHT
    assert np.abs(lost).max() <= 1
    assert np.abs(lost.sum(axis=(1, 2, 3))).max() <= 0.5 + 1e-4


def test_plain_rounding_would_miss_the_sums() -> None:
    weight = np.full((1, 10, 1, 1), 0.4 / LARGEST_WEIGHT)
    weight[0, 0] = 1

    quantised = quantise_weight(convolution(weight), input_scale=INPUT_SCALE)

    assert quantised.levels.sum() == round(LARGEST_WEIGHT + 9 * 0.4)


def test_a_dead_channel_and_one_that_has_only_a_bias_are_kept() -> None:
    weight = np.zeros((3, 4, 1, 1))
    weight[2] = 1e-12
    bias = np.array([0, 3, 3])

    quantised = quantise_weight(convolution(weight, bias), input_scale=INPUT_SCALE)

    assert (quantised.scales > 0).all()
    assert not quantised.levels[:2].any()
    assert (np.abs(bias / (quantised.scales * INPUT_SCALE)) < 2**31).all()


@pytest.mark.parametrize("name", ["ranges", "bias_corrections"])
def test_the_committed_calibration_fits_the_network(name: str) -> None:
    network, calibration = read_network(read_state_dict(read_weights())), read_calibration()
    outputs = {block.project.name: len(block.project.bias) for block in network.blocks}

    if name == "ranges":
        sums = {f"{block.name}_sum" for block in network.blocks if block.residual}
        assert calibration.ranges.keys() == outputs.keys() | sums
        assert all(low < 0 < high for low, high in calibration.ranges.values())
    else:
        assert {name: len(values) for name, values in calibration.bias_corrections.items()} == outputs
