"""A FastAPI endpoint around fastembed: Pillow opens the picture, float32 ONNX Runtime embeds it, one a call."""

from __future__ import annotations

import os
from typing import Any

import faiss
import numpy as np
from fastapi import FastAPI, File, UploadFile
from fastembed import ImageEmbedding
from PIL import Image

from benchmarks.indexing_speed.peers import FASTEMBED_NAME

K = 10

app = FastAPI()
faiss.omp_set_num_threads(1)
_model = ImageEmbedding(FASTEMBED_NAME, specific_model_path=os.environ["PEER_MODEL"], threads=1)
_index = faiss.IndexFlatIP(1280)
_index.add(np.ascontiguousarray(np.load(os.environ["PEER_VECTORS"], mmap_mode="r")))


@app.post("/search")
def search(image: UploadFile = File()) -> list[dict[str, Any]]:  # noqa: B008  as FastAPI has it
    """On a thread of the pool."""
    with Image.open(image.file) as picture:
        (vector,) = _model.embed([picture.convert("RGB")], batch_size=1)
    vector = np.asarray(vector, np.float32)
    similarities, rows = _index.search((vector / np.linalg.norm(vector))[None], K)
    return [{"id": row, "similarity": one} for row, one in zip(rows[0].tolist(), similarities[0].tolist(), strict=True)]
