"""Read weights saved by old versions of torch, without torch and without running what the file says.

Such a file is a row of pickles (magic number, protocol, facts of the machine, the state dict, the keys of the
storages), then the bytes of each storage behind its length. A pickle can name any function of any module; this
reader allows the few names that a state dict needs and refuses the rest. The form is that of `torch.save` before
version 1.6 (`_use_new_zipfile_serialization=False`).
"""

from __future__ import annotations

import io
import pickle  # nosec: only through the allow-list below
import struct
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import ModelUnavailable

Weights = dict[str, NDArray[Any]]
"""Tensors by name, as in a torch state dict, of any shape (...), float32 or int64."""

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGE_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage(NamedTuple):
    key: str
    dtype: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(content: bytes) -> Weights:
    """Read the tensors of a state dict.

    Args:
        content: the whole file.
    Returns:
        name to array, of any shape (...), float32 or int64, C-contiguous, new.
    Raises:
        ModelUnavailable: when the bytes are no such file, name anything outside the allow-list, or do not add up.
    """
    try:
        return _read(io.BytesIO(content))
    except ModelUnavailable:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ModelUnavailable(
            f"the file of weights cannot be read: {type(error).__name__}: {error}; download it again"
        ) from error


def _read(file: io.BytesIO) -> Weights:
    if (_load(file), _load(file)) != (_MAGIC_NUMBER, _PROTOCOL):
        raise ModelUnavailable(
            "expected weights in torch's format before 1.6, got another format"
            "; save it anew with _use_new_zipfile_serialization=False"
        )
    _load(file)  # byte order and sizes of the machine that wrote it
    tensors = _load(file)
    keys = _load(file)
    if not (isinstance(tensors, dict) and all(isinstance(tensor, _Tensor) for tensor in tensors.values())):
        raise ModelUnavailable(
            f"expected a state dict of tensors in the file of weights, got {type(tensors).__name__}; save "
            "model.state_dict() alone"
        )
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    arrays = {key: _storage_array(file, storages[key]) for key in keys}
    if file.read(1):
        raise ModelUnavailable(
            "expected the file of weights to end after its last storage, but it goes on; download it again"
        )
    return {name: _view(arrays[tensor.storage.key], tensor, name) for name, tensor in tensors.items()}


def _load(file: io.BytesIO) -> Any:
    return _StateDictUnpickler(file).load()


def _storage_array(file: io.BytesIO, storage: _Storage) -> NDArray[Any]:
    (length,) = struct.unpack("<q", file.read(8))
    if length != storage.length:
        raise ModelUnavailable(
            f"expected a storage of {storage.length} numbers, got {length}; download the file of weights again"
        )
    return np.frombuffer(file.read(length * np.dtype(storage.dtype).itemsize), dtype=storage.dtype, count=length)


def _view(array: NDArray[Any], tensor: _Tensor, name: str) -> NDArray[Any]:
    steps = [(extent - 1) * stride for extent, stride in zip(tensor.shape, tensor.strides, strict=True)]
    if min(tensor.offset, *tensor.shape, *steps, 0) < 0 or tensor.offset + sum(steps) >= len(array):
        raise ModelUnavailable(
            f"expected every tensor within its storage in the file of weights, but {name} reaches "
            "outside; download it again"
        )
    strides_bytes = [stride * array.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(array[tensor.offset :], tensor.shape, strides_bytes, writeable=False)
    return np.array(view, order="C")


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _StateDictUnpickler(pickle.Unpickler):
    """Knows the names that a state dict needs; all others are refused before anything is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGE_DTYPES:
            return _STORAGE_DTYPES[name]
        raise ModelUnavailable(
            f"expected only what weights need in the file of weights, but it asks for {module}.{name}: do "
            "not use it, download it from where it is published"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, length, _ = pid
        return _Storage(str(key), dtype, length)
