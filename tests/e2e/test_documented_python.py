"""The Python of the reference and of the how-to pages: each page's blocks, one after the other, as one program."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import lookalike
from tests.bare_environment import ROOT
from tests.sessions import environment
from tests.unit.images.pictures import encoded, scene

ELSEWHERE = {"docs/howto/build-on-the-api.md"}
"""Pages whose programs need a service, and have a test of their own."""

PROGRAMS = {
    name: "\n".join(blocks)
    for page in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    if (blocks := re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))
    and (name := str(page.relative_to(ROOT))) not in ELSEWHERE
}
LIBRARIES = {'opinion="local"': "cv2", "to_parquet": "pyarrow", "to_pandas": "pandas", "import jwt": "jwt"}
"""What a program shows that it needs an extra, and the library of that."""
SAYS = {
    "docs/reference/python.md": (
        r"3 added, 0 could not be used\n(\d 0\.\d+ /.*\.jpg\n){3}\{'place': 'Brighton'\} 1 True 4\n"
        r"/.*\.jpg\n/.*beach\.jpg\n0\.9\d+\nTrue\nTrue .*\nbad_query .*no such file\.jpg.*\n"
    ),
    "docs/howto/several-models.md": r"4 embedded, 0 could not be used\n.*name='fine'.*count=4.*\n",
    "docs/howto/why-pictures-match.md": r"0\.\d+ (\d+ of \d+ points agree on one view\s){2}\[\[(?s:.*)",
    "docs/howto/nearest-neighbours.md": r"\[\[[\d ]+\](?s:.*)\brank\b(?s:.*)",
    "docs/howto/secure-a-service.md": "",
}
"""What each program prints."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with all that the pages name."""
    place = tmp_path / "user"
    (place / "holiday").mkdir(parents=True)
    for seed in range(3):
        (place / "holiday" / f"{seed}.jpg").write_bytes(encoded(scene(400, 300, seed=seed), "JPEG"))
    for seed, name in enumerate(("cat.jpg", "beach.jpg", "shelf.jpg"), start=3):
        (place / name).write_bytes(encoded(scene(400, 300, seed=seed), "JPEG"))
    patches = Image.fromarray(np.random.default_rng(2).integers(0, 256, (50, 70, 3), np.uint8)).resize((560, 400))
    patches.save(place / "holiday" / "0.jpg", quality=95)  # one with details
    patches.crop((100, 60, 500, 360)).save(place / "cut-out.jpg")
    np.save(place / "base.npy", np.random.default_rng(1).normal(size=(20, 32)).astype(np.float32))
    (place / "jwt").write_text("0123456789abcdef" * 4)
    write_mean_model(place / "other-tool.onnx")
    lookalike.adapt(
        place / "other-tool.onnx", place / "my-model.onnx", name="mean", input_side=32, mean=[0.1] * 3, std=[1.0] * 3
    )
    return place


def write_mean_model(path: Path) -> None:
    """A model of another tool: mean colours."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"])],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, 1, 1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)


@pytest.mark.parametrize("page", PROGRAMS)
def test_the_python_of_a_page_runs_in_its_order(page: str, folder: Path, tmp_path: Path) -> None:
    for sign, library in LIBRARIES.items():
        if sign in PROGRAMS[page] and importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}, of an extra")
    if page != "docs/reference/python.md":
        with lookalike.open(folder / "photos.lookalike") as photos:
            photos.index(folder / "holiday", folder / "shelf.jpg")
    program = PROGRAMS[page].replace("/etc/lookalike/", "")

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(SAYS[page], done.stdout), done.stdout


def test_every_page_with_python_is_run() -> None:
    assert set(PROGRAMS) == set(SAYS)
    for page in ELSEWHERE:
        assert "```python" in (ROOT / page).read_text()
