"""What is compared with: the usual script, and fastembed, both with the same network in float32."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from PIL import Image

from benchmarks.harness import CannotRun
from lookalike.models.store import default_model

BATCH = 16
SIDE = 224
_INSIDE = {"resized", "channels_first", "x"}
_PREPROCESSOR = {
    "do_resize": True,
    "size": {"height": SIDE, "width": SIDE},
    "resample": int(Image.Resampling.BICUBIC),
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [127 / 255] * 3,
    "image_std": [128 / 255] * 3,
}
FASTEMBED_NAME = "Qdrant/resnet50-onnx"  # of its list; with a local path nothing of it is taken but the file's name


def write_plain_model(folder: Path) -> Path:
    """Our network as others ship theirs: float32 (N, 3, 224, 224) in, preprocessing left to the caller."""
    model = onnx.load_from_string(default_model("fp32", cache_dir=folder / "cache").content)
    nodes = [node for node in model.graph.node if not _INSIDE & set(node.output)]
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        list(model.graph.output),
        [constant for constant in model.graph.initializer if constant.name in used],
    )
    plain = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.save(plain, folder / "model.onnx")
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR))
    return folder / "model.onnx"


class UsualScript:
    """Pillow opens, converts and resizes; ONNX Runtime with its default options runs batches of 16."""

    def __init__(self, model: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def embed(self, paths: Sequence[Path]) -> list[np.ndarray]:
        """Vectors of photos, one after the other."""
        vectors: list[np.ndarray] = []
        for start in range(0, len(paths), BATCH):
            batch = np.stack([self._pixels(path) for path in paths[start : start + BATCH]])
            vectors.extend(self._session.run(None, {"x": batch})[0])
        return vectors

    def _pixels(self, path: Path) -> np.ndarray:
        image = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return (np.asarray(image, np.float32).transpose(2, 0, 1) - 127) / 128


class Fastembed:
    """fastembed, in this process as it comes, or with a process for each core.

    Raises:
        CannotRun: when it is not installed.
    """

    def __init__(self, model: Path) -> None:
        try:
            from fastembed import ImageEmbedding
        except ImportError as error:
            raise CannotRun("needs fastembed: pip install --group bench") from error
        self._model = ImageEmbedding(FASTEMBED_NAME, specific_model_path=str(model.parent))

    def embed(self, paths: Sequence[Path]) -> list[np.ndarray]:
        """Vectors of photos, as it comes: ONNX Runtime uses all cores for each batch."""
        return list(self._model.embed([str(path) for path in paths], batch_size=BATCH))

    def seconds_in_processes(self, paths: Sequence[Path], *, processes: int) -> float:
        """Seconds for photos with a process for each core, their start not counted: only when all are at work.

        Judged by what comes after the first batch of each process.

        Raises:
            ValueError: when there are too few photos for that.
        """
        batch = min(BATCH, len(paths) // (5 * processes))
        if not batch:
            raise ValueError(f"expected at least {5 * processes} photos, got {len(paths)}")
        answers = iter(self._model.embed([str(path) for path in paths], batch_size=batch, parallel=processes))
        for _ in range(processes * batch):
            next(answers)
        begun = time.perf_counter()
        rest = sum(1 for _ in answers)
        return (time.perf_counter() - begun) * len(paths) / rest
