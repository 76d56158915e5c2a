from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.models.store import read_weights
from lookalike.models.torch_pickle import read_state_dict

torch = pytest.importorskip("torch", reason="torch writes the files that are read here")


def saved(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


class Attack:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_it_reads_what_torch_wrote_whatever_the_layout() -> None:
    whole = torch.arange(24, dtype=torch.float32)
    state = OrderedDict(
        plain=whole.reshape(2, 3, 4),
        part=whole[6:18].reshape(3, 4),
        turned=whole.reshape(4, 6).t(),
        channels_last=torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        scalar=torch.tensor(7),
    )

    arrays = read_state_dict(saved(state))

    assert list(arrays) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(arrays[name], tensor.numpy())
        assert arrays[name].flags.c_contiguous


def test_it_reads_the_published_weights_as_torch_does() -> None:
    content = read_weights()

    arrays = read_state_dict(content)

    expected = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    assert arrays.keys() == expected.keys()
    assert all(np.array_equal(arrays[name], tensor.numpy()) for name, tensor in expected.items())


def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    weights = saved(OrderedDict(weight=torch.zeros(2)))
    header = b"".join(pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {}))

    for content in (
        saved({"weight": Attack(target)}),
        pickle.dumps(Attack(target)) + weights,
        header + pickle.dumps(Attack(target)),
    ):
        with pytest.raises(ModelUnavailable, match="asks for"):
            read_state_dict(content)
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04 a zip, as torch writes today", id="zip"),
        pytest.param(pickle.dumps(1) + pickle.dumps(2), id="other numbers"),
        pytest.param(saved(OrderedDict(weight=torch.zeros(9)))[:-5], id="truncated"),
        pytest.param(saved(OrderedDict(weight=torch.zeros(9))) + b"x", id="trailing"),
        pytest.param(saved([1, 2]), id="no state dict"),
        pytest.param(saved({"weight": "words"}), id="no tensors"),
        pytest.param(saved({"weight": torch.zeros(2, dtype=torch.float64)}), id="dtype"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(content: bytes) -> None:
    with pytest.raises(ModelUnavailable):
        read_state_dict(content)


def test_a_tensor_that_reaches_outside_its_storage_is_refused() -> None:
    content = saved(OrderedDict(weight=torch.zeros(9)))
    grown = content.replace(b"K\x09\x85", b"K\x0a\x85")  # the shape (9,) becomes (10,)
    assert grown != content

    with pytest.raises(ModelUnavailable, match="reaches outside"):
        read_state_dict(grown)


def test_random_damage_never_raises_anything_else() -> None:
    content = saved(OrderedDict(weight=torch.rand(3, 3), bias=torch.rand(3)))
    random = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(content)
        damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        try:
            read_state_dict(bytes(damaged))
        except ModelUnavailable:
            continue
