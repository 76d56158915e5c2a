"""A picture whose removal was acknowledged never comes back, though the process is killed at that moment."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from lookalike.core.errors import NotIndexed
from lookalike.images.files import content_id
from tests.collections import png
from tests.removing import opened, removing

KILLS = int(os.environ.get("REMOVAL_KILLS", "3"))
"""Of each engine. More for a longer round: `REMOVAL_KILLS=100 make test PYTEST=tests/e2e/test_removed_for_good.py`."""

STAY = 40
ENGINES = ("exact", "IVF4,Flat", "IVF4,PQ4x4fs,Refine(SQfp16)", "pgvector")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_removed_is_found_by_no_search_and_all_else_is(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if engine == "pgvector":
        engine = request.getfixturevalue("vectors_url")
    chance = random.Random(0)
    pictures = {content_id(data): data for data in map(png, range(STAY + KILLS))}
    with opened(tmp_path, engine) as collection:
        for n, data in enumerate(pictures.values()):
            collection.add(data, metadata={"n": n, "half": "even" if n % 2 else "odd"})
        collection.rebuild()
    there, gone = set(pictures), set()

    for _ in range(KILLS):
        removed = chance.choice(sorted(there))
        with removing(tmp_path, engine, removed, forever=chance.random() < 0.5):
            time.sleep(chance.choice((0, chance.uniform(0, 0.2))))  # while its index is written, or before
        there.remove(removed)
        gone.add(removed)

        with opened(tmp_path, engine) as collection:
            assert len(collection) == collection.count() == len(there)
            for asked in (pictures[removed], pictures[chance.choice(sorted(there))]):
                assert {hit.id for hit in collection.search(asked, k=1_000)} == there
                halves = [collection.search(asked, k=1_000, where={"half": {"eq": half}}) for half in ("even", "odd")]
                assert {hit.id for half in halves for hit in half} == there
                grouped = collection.search(asked, k=1_000, collapse="group")
                assert {one for hit in grouped for one in [hit.id, *hit.group]} == there
            for one in gone:
                assert one not in collection
                with pytest.raises(NotIndexed):
                    collection.search(one)
                with pytest.raises(NotIndexed):
                    collection.pictures.read(one)
