"""The parts of a chain: the servers of the tests, with what a service needs in them of each module's own."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import lookalike

if TYPE_CHECKING:
    from chain.flows import Photo
    from chain.parts import Parts


@pytest.fixture(scope="module")
def parts(request: pytest.FixtureRequest) -> Parts:
    """With databases, a bucket and a vhost."""
    pytest.importorskip("boto3", reason="the extra s3 is not installed")
    from chain.parts import Parts

    postgres, s3, rabbitmq = (request.getfixturevalue(f"{name}_server") for name in ("postgres", "s3", "rabbit"))
    word = f"chain-{secrets.token_hex(4)}"
    parts = Parts(postgres, s3, rabbitmq, bucket=word, vhost=word)
    parts.furnish()
    return parts


def photos_of(count: int, *, first: int = 0) -> tuple[list[Photo], str]:
    """Pictures with what a browser would compute of them, of the seeds from the first on, and the id of the model."""
    from chain.flows import Photo

    with lookalike.open(":memory:") as collection:
        made = [Photo(f"{n}.jpg", jpeg(n), np.zeros(0, np.float32)) for n in range(first, first + count)]
        vectors = collection.embed(*(photo.data for photo in made))
        photos = [one._replace(vector=vector) for one, vector in zip(made, vectors, strict=True)]
        return photos, collection.models.embedder.card.id


def settings_of(parts: Parts, home: Path) -> dict[str, str]:
    """Variables of a service or a worker on these parts, and of nothing else."""
    return {**parts.settings(home=home), "LOOKALIKE_CONFIG": os.devnull}


def jpeg(seed: int) -> bytes:
    """Patches of its own, as unlike another seed's as can be."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(np.kron(patches, np.ones((30, 30, 1), np.uint8))).save(target, "JPEG", quality=85)
    return target.getvalue()
