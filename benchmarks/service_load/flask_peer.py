"""The same search behind Flask, as it is mostly written: JSON in, a search, JSON out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import faiss
import numpy as np
from flask import Flask, Response, jsonify, request

import lookalike

K = 10

app = Flask(__name__)
faiss.omp_set_num_threads(1)

if os.environ["PEER_KIND"] == "lookalike":
    _photos = lookalike.open(os.environ["PEER_COLLECTION"], upkeep=False)

    @app.post("/search")
    def search() -> Response:
        """By our own library: only what stands around it is Flask's."""
        vector = np.asarray(request.get_json()["vector"], np.float32)
        result = _photos.search(vector, k=K)
        return jsonify(result.to_dict())

else:
    _vectors = np.load(os.environ["PEER_COLLECTION"], mmap_mode="r")
    _index = faiss.IndexFlatIP(_vectors.shape[1])
    _index.add(np.ascontiguousarray(_vectors))
    _facts = json.loads(Path(os.environ["PEER_COLLECTION"]).with_suffix(".json").read_text())

    @app.post("/search")
    def search() -> Response:
        """By FAISS Flat, with the pictures' facts in memory."""
        vector = np.asarray(request.get_json()["vector"], np.float32)[None]
        similarities, rows = _index.search(vector, K)
        hits = zip(rows[0].tolist(), similarities[0].tolist(), strict=True)
        return jsonify([{"similarity": similarity, **_facts[row % len(_facts)]} for row, similarity in hits])
