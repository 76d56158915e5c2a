"""Measure on photos what the int8 model needs to know: ranges of tensors and corrections of biases.

    python benchmarks/model_ranges/run.py

Runs the float32 network over 100 photos of each set in `../shared/photos` and rewrites
`src/lookalike/models/efficientnet_lite0_calibration.json`. That changes the int8 model and so its id: its constant in
`lookalike.models.store` has to follow, and collections have to be embedded again. Not part of any routine.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from lookalike.models.arithmetic import Float32
from lookalike.models.assemble import assemble
from lookalike.models.efficientnet_lite0 import INPUT_SIDE, Network, read_network
from lookalike.models.quantise import RELU6, quantise_weight
from lookalike.models.store import read_weights
from lookalike.models.torch_pickle import read_state_dict

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT.parent / "shared" / "photos"
TARGET = ROOT / "src" / "lookalike" / "models" / "efficientnet_lite0_calibration.json"
PHOTOS_PER_SET = 100
MEASURED = (
    "On 100 photos of Caltech-101 and 100 of GroceryStoreDataset by benchmarks/model_ranges/run.py. ranges: lowest and "
    "highest value seen. bias_corrections: the mean over all photos and positions of what rounding the weights takes "
    "away from each channel that leaves a block."
)


def main() -> None:
    network = read_network(read_state_dict(read_weights()))
    ranged = [block.project.name for block in network.blocks]
    ranged += [f"{block.name}_sum" for block in network.blocks if block.residual]
    inputs = [block.depthwise.name for block in network.blocks]
    lows, highs = dict.fromkeys(ranged, 0.0), dict.fromkeys(ranged, 0.0)
    means: dict[str, list[NDArray[np.float32]]] = {name: [] for name in inputs}
    for values in _tensors(network, [*ranged, *inputs]):
        for name in ranged:
            lows[name] = min(lows[name], float(values[name].min()))
            highs[name] = max(highs[name], float(values[name].max()))
        for name in inputs:
            means[name].append(values[name].mean(axis=(0, 2, 3)))
    ranges = {name: [round(lows[name], 3), round(highs[name], 3)] for name in ranged}
    corrections = {
        block.project.name: _correction(block.project, np.mean(means[block.depthwise.name], axis=0))
        for block in network.blocks
    }
    _write({"measured": MEASURED, "ranges": ranges, "bias_corrections": corrections})


def _tensors(network: Network, names: list[str]) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The tensors `names` of the float32 network, photo by photo."""
    model = onnx.load_from_string(assemble(network, Float32()))
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for path in _sample():
        with Image.open(path) as image:
            square = image.convert("RGB").resize((INPUT_SIDE, INPUT_SIDE), Image.Resampling.BILINEAR)
        yield dict(zip(names, session.run(names, {"pixels": np.asarray(square)[None]}), strict=True))


def _sample() -> list[Path]:
    chooser = random.Random(0)
    paths: list[Path] = []
    for name in ("caltech", "grocery"):
        with (PHOTOS / f"{name}.csv").open(newline="") as file:
            rows = [PHOTOS / name / row["path"] for row in csv.DictReader(file)]
        paths += chooser.sample(rows, PHOTOS_PER_SET)
    return paths


def _correction(convolution: Any, input_means: NDArray[np.float32]) -> list[float]:
    weight = quantise_weight(convolution, input_scale=RELU6.scale)
    lost = convolution.weight - weight.levels * weight.scales[:, None, None, None]
    return [float(f"{value:.3g}") for value in lost[:, :, 0, 0] @ input_means]


def _write(facts: dict[str, Any]) -> None:
    """One line a tensor, so that a change can be read."""
    ranges = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in facts["ranges"].items())
    corrections = ",\n  ".join(
        f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}"
        for name, value in facts["bias_corrections"].items()
    )
    TARGET.write_text(
        f'{{\n "measured": {json.dumps(facts["measured"])},\n "ranges": {{\n  {ranges}\n }},\n'
        f' "bias_corrections": {{\n  {corrections}\n }}\n}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
