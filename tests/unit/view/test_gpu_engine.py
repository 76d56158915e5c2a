"""A collection whose owner wants a graphics card: the same answers, saved and followed as by any other engine.

Where torch sees no card it computes on the processor, so that this holds everywhere where torch is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import MissingExtra
from lookalike.core.records import ImageRecord
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish

N, D, K = 40, 8, 5
RNG = np.random.default_rng(4)
ROWS = RNG.normal(size=(N, D)).astype(np.float16)
QUERIES = RNG.normal(size=(3, D)).astype(np.float32)


def put(catalog: MemoryCatalog, first: int, last: int) -> None:
    with catalog.transaction() as transaction:
        images = [ImageRecord(f"{n:064x}", 4, 4, "png", 4) for n in range(first, last)]
        transaction.put_images(images, ROWS[first:last])


@pytest.fixture
def catalog() -> MemoryCatalog:
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    put(catalog, 0, N // 2)
    return catalog


def view_of(catalog: MemoryCatalog, folder: Path | None, engine: str) -> LocalView:
    return LocalView(catalog, folder, engines=LocalEngines(), wish=Wish(projecting="off", engine=engine))


def found(view: LocalView) -> tuple[list, list]:
    view.refresh()
    nearest = view.search(QUERIES, K)
    return nearest.keys.tolist(), np.round(nearest.similarities, 5).tolist()


def test_it_answers_follows_and_saves_as_the_exact_engine_does(catalog: MemoryCatalog, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra gpu")
    on_card, exact = view_of(catalog, tmp_path, "gpu"), view_of(catalog, None, "exact")
    assert found(on_card) == found(exact)
    assert on_card.facts().engine == "gpu"

    put(catalog, N // 2, N)
    assert found(on_card) == found(exact)
    with catalog.transaction() as transaction:
        transaction.remove_images([f"{n:064x}" for n in range(0, N, 3)])
    assert found(on_card) == found(exact)

    on_card.settle()
    on_card.save()
    on_card.close()
    again = view_of(catalog, tmp_path, "gpu")
    assert found(again) == found(exact)
    assert again.facts().engine == "gpu"
    again.close()
    exact.close()


def test_the_rows_travel_to_the_card_once_and_again_after_a_change() -> None:
    pytest.importorskip("torch", reason="needs the extra gpu")
    from lookalike.index.gpu.index import TorchIndex

    index = TorchIndex(D)
    index.upsert(np.arange(N), ROWS.astype(np.float32))
    index.search(QUERIES, K)
    first = index._sent
    index.search(QUERIES, K)
    assert index._sent is first
    index.upsert(np.array([N]), ROWS[:1].astype(np.float32))
    index.search(QUERIES, K)
    assert index._sent is not first


def test_without_torch_it_is_told_what_to_install(catalog: MemoryCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("lookalike.index.gpu")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"pip install .*gpu"):
        found(view_of(catalog, None, "gpu"))
