"""What a transaction reads is what it writes on, in every engine; reads in batches; marks of bytes on their way out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalog.base import Catalog, Reads
from lookalike.catalog.patience import MOST_ATTEMPTS, in_transaction
from lookalike.core.errors import Overtaken
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, RefusedFile
from tests.catalogs import known_ids
from tests.contested import contested
from tests.contract.catalog_engines import ENGINES, new_catalog
from tests.contract.test_catalog import MODEL, D, file, image, image_id, rows


@pytest.fixture(params=ENGINES)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(request.param, tmp_path / "c.db")
    made.claim_model(MODEL, D)
    with made.transaction() as transaction:
        transaction.put_images([image(1, metadata={"n": 1}), image(2)], rows(1, 2))
        transaction.put_files([file(1, "/p/1.jpg"), file(2, "/p/2.jpg")])
        transaction.put_refused([RefusedFile("/p/x", 1, 1, "broken", "it is broken")])
        transaction.put_devices({"/p": "disk"})
        transaction.put_out_of_sight({"/q": ["/q/1"]})
        transaction.add_further_model("other", "o" * 64, 3)
    yield made
    made.close()


READS: dict[str, Callable[[Reads], object]] = {
    "model": lambda reads: (reads.model_id, reads.dimension),
    "facts": lambda reads: (reads.facts().images, reads.facts().files, reads.facts().refused, reads.facts().forgotten),
    "images": lambda reads: reads.images([image_id(n) for n in range(5)]),
    "ids": known_ids,
    "keys": lambda reads: reads.keys([image_id(n) for n in range(5)]),
    "stamps": lambda reads: reads.stamps([image_id(n) for n in range(5)]).keys(),
    "find_ids": lambda reads: [reads.find_ids(image_id(n)[:12]) for n in range(5)],
    "find_forgotten": lambda reads: [reads.find_forgotten(image_id(n)[:12]) for n in range(5)],
    "fields": lambda reads: reads.metadata_fields(),
    "files_of": lambda reads: reads.files_of([image_id(n) for n in range(5)]),
    "pictures": lambda reads: reads.pictures(range(1, 9)),
    "files": lambda reads: sorted(reads.files(), key=lambda one: one.path),
    "file": lambda reads: [reads.file(f"/p/{n}.jpg") for n in range(5)],
    "files_at": lambda reads: reads.files_at([f"/p/{n}.jpg" for n in range(5)]),
    "count_files": lambda reads: reads.count_files(below="/p"),
    "refused": lambda reads: list(reads.refused()),
    "refused_at": lambda reads: reads.refused_at(["/p/x", "/p/y"]),
    "devices": lambda reads: reads.devices(),
    "out_of_sight": lambda reads: reads.out_of_sight(),
    "vectors": lambda reads: stored(reads.vectors(range(1, 9))),
    "all_vectors": lambda reads: [stored(one) for one in reads.all_vectors()],
    "all_images": lambda reads: list(reads.all_images()),
    "select": lambda reads: reads.select(Filter.from_json({"n": {"gt": 1}})).tolist(),
    "matching_paths": lambda reads: reads.matching_paths(Filter.from_json({"n": {"gt": 1}}), [image_id(1)]),
    "further_models": lambda reads: reads.further_models(),
    "model_vectors": lambda reads: stored(reads.model_vectors("other", range(1, 9))),
    "all_model_vectors": lambda reads: [stored(one) for one in reads.all_model_vectors("other")],
    "lacking": lambda reads: reads.keys_without_vector("other", 9).tolist(),
    "deleting": lambda reads: reads.deleting([image_id(n) for n in range(5)]),
}


def stored(vectors: object) -> object:
    return vectors.keys.tolist(), vectors.vectors.tolist()  # type: ignore[attr-defined]


def change_everything(catalog: Catalog, seen: dict[str, object], *, until: str = "committed") -> None:
    with catalog.transaction() as transaction:
        (*_, key) = transaction.put_images([image(3, metadata={"m": 3}), image(2)], rows(3, 4)).tolist()
        transaction.merge_metadata({image_id(1): {"n": 5}})
        transaction.put_files([file(3, "/p/3.jpg"), file(3, "/p/4.jpg")])
        transaction.forget_files(["/p/2.jpg", "/p/x"])
        transaction.put_refused([RefusedFile("/p/y", 1, 1, "broken", "it is broken")])
        transaction.put_devices({"/p": "another"})
        transaction.put_out_of_sight({})
        transaction.put_model_vectors("other", [key], np.ones((1, 3), np.float16))
        transaction.begin_deleting([image_id(4)], until=10.0)
        seen.update({name: read(transaction) for name, read in READS.items()})
        if until != "committed":
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", READS)
def test_a_transaction_reads_what_it_has_written_as_all_do_once_it_is_committed(catalog: Catalog, name: str) -> None:
    before, seen = READS[name](catalog), dict[str, object]()
    with pytest.raises(KeyboardInterrupt):
        change_everything(catalog, dict[str, object](), until="its end")
    assert READS[name](catalog) == before
    change_everything(catalog, seen)
    assert seen[name] == READS[name](catalog)
    if name not in ("model", "find_forgotten", "further_models"):
        assert seen[name] != before


def test_what_is_removed_in_a_transaction_is_gone_for_it_and_what_is_kept_is_found(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(1)])
        assert transaction.keys([image_id(1)]) == {}
        assert transaction.find_forgotten(image_id(1)[:8]) == [image_id(1)]
        assert transaction.file("/p/1.jpg") is None
        assert transaction.facts().images == 1


def test_a_stamp_is_another_one_after_each_change_of_its_picture_and_of_no_other(catalog: Catalog) -> None:
    def stamps() -> list[str]:
        return list(catalog.stamps([image_id(1), image_id(2)]).values())

    seen = [stamps()]
    for change in (
        lambda one: one.put_images([image(1)], rows(1)),
        lambda one: one.merge_metadata({image_id(1): {"n": 7}}),
        lambda one: one.remove_images([image_id(1)]),
        lambda one: one.put_images([image(1)], rows(1)),
    ):
        in_transaction(catalog, change)
        seen.append(stamps())
    assert [len(one) for one in seen] == [2, 2, 2, 1, 2]
    of_first = [one[0] for one in seen if len(one) == 2]
    assert len(set(of_first)) == len(of_first)
    assert len({one[-1] for one in seen}) == 1


def test_files_below_a_folder_come_in_the_order_of_their_bytes_and_no_others(catalog: Catalog) -> None:
    paths = [
        "/f",
        "/f/b",
        "/f/a",
        "/f/a/z",
        "/f/a b",
        "/f/\udcff",
        "/f/ü",
        "/f.jpg",
        "/f0",
        "/e",
        "/g",
        "/f/%",
        "/f/a/_",
    ]
    with catalog.transaction() as transaction:
        transaction.put_files([file(1, path) for path in paths])
        transaction.put_refused([RefusedFile(f"{path}?", 1, 1, "broken", "no") for path in paths])
    below = sorted((one for one in paths if one == "/f" or one.startswith("/f/")), key=os.fsencode)
    refused = sorted((f"{one}?" for one in paths if f"{one}?".startswith("/f/")), key=os.fsencode)
    assert [one.path for one in catalog.files(below="/f")] == below
    assert [one.path for one in catalog.refused(below="/f")] == refused
    assert catalog.count_files(below="/f") == len(below) + len(refused)
    everything = [one.path for one in catalog.files(below="/")]
    assert sorted(everything, key=os.fsencode) == everything
    assert set(everything) == {one.path for one in catalog.files()}
    assert [one.path for one in catalog.refused()] == [*sorted((f"{one}?" for one in paths), key=os.fsencode), "/p/x"]
    assert [one.path for one in catalog.files(below="/nothing")] == []


def test_many_files_are_found_by_path_and_read_on_while_they_are_forgotten(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.catalog.sqlite.reads._FILES_AT_ONCE", 7)
    paths = [f"/many/{n:04}" for n in range(600)]
    with catalog.transaction() as transaction:
        transaction.put_files([file(1, path) for path in paths])
    assert list(catalog.files_at([*paths, "/no"])) != []
    assert catalog.files_at([*paths, "/no"]).keys() == set(paths)
    gone: list[FileRecord] = []
    for one in catalog.files(below="/many"):
        in_transaction(catalog, lambda transaction, path=one.path: transaction.forget_files([path]))
        gone.append(one)
    assert [one.path for one in gone] == paths
    assert catalog.count_files(below="/many") == 0


def test_marks_of_bytes_belong_to_who_has_made_them_and_the_old_ones_go(catalog: Catalog) -> None:
    first, second = image_id("first"), image_id("second")
    with catalog.transaction() as transaction:
        transaction.begin_deleting([first, second], until=100.0)
        transaction.begin_deleting([second], until=200.5)
        transaction.end_deleting([first, second, image_id("third")], until=100.0)
    assert catalog.deleting([first, second]) == {second: 200.5}
    with catalog.transaction() as transaction:
        transaction.begin_deleting([first], until=100_000.0)
    assert catalog.deleting([first, second]) == {first: 100_000.0}


def test_a_block_runs_again_where_it_was_overtaken_and_what_it_had_written_is_gone(catalog: Catalog) -> None:
    seen = []

    def block(transaction: Reads) -> int:
        seen.append(sorted(transaction.keys([image_id(n) for n in range(9)])))
        transaction.put_images([image(5)], rows(5))  # type: ignore[attr-defined]
        return len(seen)

    assert in_transaction(contested(catalog, overtaken={1, 2}), block) == 3
    assert seen[0] == seen[1] == seen[2]
    with pytest.raises(Overtaken):
        in_transaction(contested(catalog, overtaken=range(99)), block)
    assert len(seen) == 3 + MOST_ATTEMPTS
