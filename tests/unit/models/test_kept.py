"""Model files that a collection keeps."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lookalike.models.kept import KeptModel, keep_model, kept_models, model_path


def test_models_are_kept_under_their_hashes_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    assert kept_models(folder) == []
    ids = {hashlib.sha256(content).hexdigest(): content for content in (b"one", b"another")}
    for model_id, content in ids.items():
        for _ in range(2):
            keep_model(content, folder, model_id=model_id)
    (folder / "notes.txt").write_text("of somebody")
    (folder / "short.onnx").write_bytes(b"of somebody")
    assert kept_models(folder) == [
        KeptModel(one, model_path(folder, one), len(content)) for one, content in sorted(ids.items())
    ]
    assert all(one.is_whole() for one in kept_models(folder))


def test_a_damaged_one_is_told_and_replaced(tmp_path: Path) -> None:
    model_id = hashlib.sha256(b"a model").hexdigest()
    keep_model(b"a model", tmp_path, model_id=model_id)
    model_path(tmp_path, model_id).write_bytes(b"other bytes")
    (kept,) = kept_models(tmp_path)
    assert not kept.is_whole()
    keep_model(b"a model", tmp_path, model_id=model_id)
    assert kept.is_whole()
