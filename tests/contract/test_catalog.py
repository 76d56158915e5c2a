"""What every catalog promises, over every engine, against plain lists."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lookalike.catalog.base import Catalog, CatalogFacts
from lookalike.core.errors import (
    BadInput,
    BadVectors,
    CollectionError,
    DimensionMismatch,
    NotIndexed,
    WrongModel,
)
from lookalike.core.filters import Filter
from lookalike.core.records import START, ChangeKind, FileRecord, ImageRecord, RefusedFile
from tests.catalogs import known_ids
from tests.contract.catalog_engines import ENGINES, new_catalog
from tests.contract.feeds import changes_since, keys_since

D = 5
MODEL = "m" * 64


def image_id(name: object) -> str:
    return hashlib.sha256(str(name).encode("utf-8", "surrogatepass")).hexdigest()


def image(name: object, **fields: Any) -> ImageRecord:
    return replace(ImageRecord(image_id(name), 640, 480, "jpeg", 1_000), **fields)


def file(name: object, path: str, **fields: Any) -> FileRecord:
    return replace(FileRecord(path, image_id(name), 1_000, 10**18), **fields)


def rows(*values: float) -> Any:
    return np.array([[value] * D for value in values], dtype=np.float16)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
    opened: list[Catalog] = []

    def make() -> Catalog:
        opened.append(new_catalog(request.param, tmp_path / f"{len(opened)}.db"))
        return opened[-1]

    yield make
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(engine: Callable[[], Catalog]) -> Catalog:
    made = engine()
    made.claim_model(MODEL, D)
    return made


def test_a_new_catalog_is_empty_and_bound_to_nothing(engine: Callable[[], Catalog]) -> None:
    catalog = engine()
    assert (catalog.model_id, catalog.dimension) == ("", 0)
    facts = catalog.facts()
    assert (facts.images, facts.files, facts.refused, catalog.cursor()) == (0, 0, 0, START)
    assert list(catalog.files()) == list(catalog.refused()) == list(catalog.all_vectors()) == keys_since(catalog) == []
    assert catalog.select(Filter.everything()).tolist() == []
    assert catalog.vectors([1]).vectors.shape == (0, 0)


def test_a_catalog_is_bound_to_one_model_only(engine: Callable[[], Catalog]) -> None:
    catalog = engine()
    with pytest.raises(WrongModel, match="claim_model"), catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
    catalog.claim_model(MODEL, D)
    catalog.claim_model(MODEL, D)
    assert (catalog.model_id, catalog.dimension) == (MODEL, D)
    for model_id, dimension in [("n" * 64, D), (MODEL, D + 1)]:
        with pytest.raises(WrongModel, match="another collection"):
            catalog.claim_model(model_id, dimension)
    for model_id, dimension in [("", D), (MODEL, 0)]:
        with pytest.raises(BadInput):
            catalog.claim_model(model_id, dimension)


def test_pictures_come_back_as_they_were_put(catalog: Catalog) -> None:
    first = image(1, taken_at="2024-05-01T10:00:00", camera="Canon", metadata={"a": [1, {"b": None}], "\ud800": "\x00"})
    second = image(2, width=1, height=2, format="png", size_bytes=2**40)
    with catalog.transaction() as transaction:
        keys = transaction.put_images([first, second], rows(0.5, -2))
    assert keys.dtype == np.int64
    assert catalog.images([first.id, second.id, "0" * 64, "\ud800'"]) == {first.id: first, second.id: second}
    assert catalog.keys([first.id, "nobody"]) == {first.id: keys[0]}
    assert catalog.ids([int(keys[1]), 0, -1, 2**70]) == {keys[1]: second.id}
    stored = catalog.vectors(keys[::-1])
    assert stored.keys.tolist() == sorted(keys)
    assert stored.vectors.dtype == np.float16
    assert np.array_equal(stored.vectors, rows(0.5, -2))
    assert known_ids(catalog) == {first.id, second.id}


def test_metadata_that_was_read_may_be_changed_without_changing_the_catalog(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1, metadata={"tags": ["a"]})], rows(1))
    read = catalog.images([image_id(1)])[image_id(1)]
    read.metadata["tags"] = "changed"
    assert catalog.images([image_id(1)])[image_id(1)].metadata == {"tags": ["a"]}


def test_a_picture_put_again_keeps_its_key_and_its_metadata_and_takes_the_rest(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        (key,) = transaction.put_images([image(1, metadata={"a": 1, "b": 2, "c": 3})], rows(1))
    with catalog.transaction() as transaction:
        (again,) = transaction.put_images([image(1, width=7, metadata={"b": 9, "c": None})], rows(2))
    assert key == again
    assert catalog.images([image_id(1)])[image_id(1)] == image(1, width=7, metadata={"a": 1, "b": 9})
    assert catalog.vectors([key]).vectors.tolist() == rows(2).tolist()
    assert catalog.select(Filter.parse("c exists")).tolist() == []
    assert catalog.select(Filter.parse("b = 9")).tolist() == [key]
    assert catalog.facts().images == 1


def test_a_picture_is_provisional_until_it_is_put_otherwise(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        keys = transaction.put_images([image(1, provisional=True), image(2)], rows(1, 2))
        transaction.merge_metadata({image_id(1): {"a": 1}})
    assert catalog.images([image_id(1)])[image_id(1)] == image(1, provisional=True, metadata={"a": 1})
    assert [one.provisional for batch in catalog.all_images() for _, one in batch] == [True, False]
    assert catalog.select(Filter.everything()).tolist() == keys.tolist()
    before = catalog.cursor()
    with catalog.transaction() as transaction:
        transaction.put_images([image(1), image(2, provisional=True)], rows(1, 2))
    assert [one.provisional for batch in catalog.all_images() for _, one in batch] == [False, True]
    assert keys_since(catalog, before) == keys.tolist()


def test_a_provisional_picture_that_was_removed_comes_back_as_it_is_put_then(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1, provisional=True)], rows(1))
        transaction.remove_images([image_id(1)])
        transaction.put_images([image(1)], rows(2))
    assert catalog.images([image_id(1)])[image_id(1)] == image(1)


def test_an_id_that_occurs_twice_counts_once_as_its_last_record_says(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        keys = transaction.put_images([image(1, metadata={"a": 1}), image(2), image(1, width=7)], rows(1, 2, 3))
    assert keys[0] == keys[2] != keys[1]
    assert catalog.images([image_id(1)])[image_id(1)] == image(1, width=7, metadata={"a": 1})
    assert catalog.vectors(keys[:1]).vectors.tolist() == rows(3).tolist()


def test_putting_nothing_changes_nothing(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        assert transaction.put_images([], np.empty((0, D), dtype=np.float16)).tolist() == []
        transaction.put_files([])
        transaction.put_refused([])
        transaction.forget_files([])
        assert transaction.remove_images([]) == transaction.merge_metadata({}) == 0
    assert catalog.cursor() == START


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        (np.zeros((1, D + 1), np.float16), DimensionMismatch),
        (np.zeros((2, D), np.float16), DimensionMismatch),
        (np.zeros(D, np.float16), DimensionMismatch),
        (np.full((1, D), np.nan, np.float16), BadVectors),
        (np.full((1, D), np.inf, np.float16), BadVectors),
    ],
)
def test_vectors_of_another_shape_or_not_finite_are_refused(catalog: Catalog, vectors: Any, error: type) -> None:
    with pytest.raises(error), catalog.transaction() as transaction:
        transaction.put_images([image(1)], vectors)
    assert catalog.facts().images == 0


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": {1, 2}}, {"a": b"x"}, {1: "x"}, {"a": 10**5000}])
def test_metadata_that_is_no_json_is_refused(catalog: Catalog, metadata: Any) -> None:
    with pytest.raises(BadInput, match="JSON"), catalog.transaction() as transaction:
        transaction.put_images([image(1, metadata=metadata)], rows(1))
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
    with pytest.raises(BadInput, match="JSON"), catalog.transaction() as transaction:
        transaction.merge_metadata({image_id(1): metadata})
    assert catalog.images([image_id(1)]) == {image_id(1): image(1)}


@pytest.mark.parametrize("bad_id", ["", "abc", "A" * 64, "g" * 64, "a" * 65, "\ud800" * 64])
def test_an_id_that_is_no_hash_is_refused(catalog: Catalog, bad_id: str) -> None:
    with pytest.raises(BadInput, match="64"), catalog.transaction() as transaction:
        transaction.put_images([replace(image(1), id=bad_id)], rows(1))


def test_text_that_no_database_keeps_is_replaced_in_built_in_fields(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1, camera="C\x00n\ud800n")], rows(1))
        transaction.put_refused([RefusedFile("/x", 1, 1, "truncated", "bad \udcff")])
    assert catalog.images([image_id(1)])[image_id(1)].camera == "C\ufffdn\ufffdn"
    assert [one.reason for one in catalog.refused()] == ["bad \ufffd"]


HOSTILE_PATHS = [
    "/a.jpg",
    "/a/line\nbreak.jpg",
    "/a/'; DROP TABLE images; --.jpg",
    "/a/\u202e日本 é.jpg",
    os.fsdecode(b"/a/\xff\xfe.jpg"),
    "/a/" + "x" * 255,
    "relative",
    "",
]


def test_files_come_back_by_picture_and_by_path_whatever_their_names(catalog: Catalog) -> None:
    files = [file(1, path, mtime_ns=n) for n, path in enumerate(HOSTILE_PATHS)]
    with catalog.transaction() as transaction:
        transaction.put_images([image(1), image(2)], rows(1, 2))
        transaction.put_files(files)
    assert sorted(catalog.files(), key=lambda one: one.mtime_ns) == files
    assert catalog.files_of([image_id(1), image_id(2), "nobody"]) == {
        image_id(1): sorted(files, key=lambda one: one.path),
        image_id(2): [],
    }
    assert [catalog.file(one.path) for one in files] == files
    assert catalog.file("/elsewhere") is None
    with catalog.transaction() as transaction:
        transaction.forget_files([*HOSTILE_PATHS[1:], "/unknown"])
    assert list(catalog.files()) == files[:1]
    assert known_ids(catalog) == {image_id(1), image_id(2)}


def test_a_path_that_no_file_system_gives_is_refused(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
    with pytest.raises(BadInput, match="fsdecode"), catalog.transaction() as transaction:
        transaction.put_files([file(1, "/\ud800")])
    with pytest.raises(BadInput, match="fsdecode"), catalog.transaction() as transaction:
        transaction.put_refused([RefusedFile("/\ud800", 1, 1, "empty", "empty")])
    with pytest.raises(BadInput, match="fsdecode"):
        catalog.file("/\ud800")


def test_a_path_holds_one_picture_or_one_refusal(catalog: Catalog) -> None:
    refusal = RefusedFile("/a.jpg", 5, 6, "truncated", "cut off")
    with catalog.transaction() as transaction:
        transaction.put_images([image(1), image(2)], rows(1, 2))
        transaction.put_files([file(1, "/a.jpg")])
        transaction.put_files([file(2, "/a.jpg", mtime_ns=7)])
    assert list(catalog.files()) == [file(2, "/a.jpg", mtime_ns=7)]
    with catalog.transaction() as transaction:
        transaction.put_refused([replace(refusal, code="empty"), refusal])
    assert (list(catalog.files()), list(catalog.refused())) == ([], [refusal])
    with catalog.transaction() as transaction:
        transaction.put_files([file(1, "/a.jpg")])
    assert (list(catalog.files()), list(catalog.refused())) == ([file(1, "/a.jpg")], [])
    with catalog.transaction() as transaction:
        transaction.put_refused([refusal])
        transaction.forget_files(["/a.jpg"])
    assert (list(catalog.files()), list(catalog.refused())) == ([], [])


def test_a_file_of_an_unknown_or_removed_picture_is_refused(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
        transaction.remove_images([image_id(1)])
    for name in (1, 2):
        with pytest.raises(NotIndexed, match="not in the catalog"), catalog.transaction() as transaction:
            transaction.put_files([file(name, "/a.jpg")])


def test_a_removed_picture_is_gone_with_all_its_parts_and_comes_back_with_its_metadata(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        (key, other) = transaction.put_images([image(1, camera="C", metadata={"a": 1}), image(2)], rows(1, 2))
        transaction.put_files([file(1, "/a.jpg"), file(2, "/b.jpg")])
    with catalog.transaction() as transaction:
        assert transaction.remove_images([image_id(1), "nobody", image_id(1)]) == 1
        assert transaction.remove_images([image_id(1)]) == 0
        assert transaction.merge_metadata({image_id(1): {"a": 2}}) == 0
    assert known_ids(catalog) == {image_id(2)}
    assert catalog.images([image_id(1)]) == catalog.keys([image_id(1)]) == catalog.files_of([image_id(1)]) == {}
    assert catalog.ids([int(key)]) == {}
    assert list(catalog.files()) == [file(2, "/b.jpg")]
    assert catalog.vectors([key, other]).keys.tolist() == [other]
    assert catalog.select(Filter.everything()).tolist() == [other]
    assert catalog.find_ids(image_id(1)) == []
    with catalog.transaction() as transaction:
        (again, third) = transaction.put_images([image(1), image(3)], rows(4, 5))
    assert again == key
    assert third not in (key, other)
    assert catalog.images([image_id(1)])[image_id(1)] == image(1, metadata={"a": 1})
    assert catalog.select(Filter.parse("a = 1")).tolist() == [again]


def test_a_key_is_never_given_to_another_picture(catalog: Catalog) -> None:
    seen: set[int] = set()
    for name in range(5):
        with catalog.transaction() as transaction:
            (key,) = transaction.put_images([image(name)], rows(1)).tolist()
        with catalog.transaction() as transaction:
            transaction.remove_images([image_id(name)])
        assert key not in seen
        seen.add(key)


def test_metadata_is_laid_over_and_none_deletes(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1, metadata={"a": 1, "b": {"c": 2}})], rows(1))
        assert transaction.merge_metadata({image_id(1): {"a": None, "b": 3, "d": "x"}, "nobody": {"a": 1}}) == 1
    assert catalog.images([image_id(1)])[image_id(1)].metadata == {"b": 3, "d": "x"}
    assert len(catalog.select(Filter.parse("b = 3 and d = x and a not exists"))) == 1


def counts(catalog: Catalog) -> CatalogFacts:
    """How much is there, whatever room it takes: a server keeps some for what was undone."""
    return replace(catalog.facts(), size_bytes=0)


def test_what_raises_leaves_no_trace_and_the_catalog_goes_on(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
    before, cursor = counts(catalog), catalog.cursor()
    with suppress(KeyboardInterrupt), catalog.transaction() as transaction:
        transaction.put_images([image(2)], rows(2))
        transaction.put_files([file(1, "/a.jpg")])
        transaction.remove_images([image_id(1)])
        raise KeyboardInterrupt
    assert (counts(catalog), catalog.cursor()) == (before, cursor)
    assert known_ids(catalog) == {image_id(1)}
    with catalog.transaction() as transaction:
        transaction.put_images([image(2)], rows(2))
    assert len(keys_since(catalog, cursor)) == 1


def test_reads_during_a_transaction_see_what_was_committed_before(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
        assert catalog.facts().images == 0
        assert known_ids(catalog) == set()
    assert known_ids(catalog) == {image_id(1)}


def test_a_transaction_within_a_transaction_is_refused(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
        with pytest.raises(CollectionError, match="inside another"), catalog.transaction():
            pass
    assert known_ids(catalog) == {image_id(1)}


def test_what_is_known_of_several_paths_is_told_at_one_go(catalog: Catalog) -> None:
    other, odd = "/photos/none.jpg", "/photos/\udce9 \n.jpg"
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
        transaction.put_files([FileRecord(odd, image_id(1), 10, 20)])
        transaction.put_refused([RefusedFile("/photos/2.txt", 5, 6, "not_an_image", "text")])
    paths = [other, odd, "/photos/2.txt", odd]
    assert catalog.files_at(paths) == {odd: FileRecord(odd, image_id(1), 10, 20)}
    assert catalog.refused_at(paths) == {"/photos/2.txt": RefusedFile("/photos/2.txt", 5, 6, "not_an_image", "text")}
    assert catalog.files_at([]) == catalog.refused_at([]) == {}


def test_a_further_model_and_its_vectors_become_true_together(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        (key,) = transaction.put_images([image(1)], rows(1))
    with suppress(ZeroDivisionError), catalog.transaction() as transaction:
        transaction.add_further_model("fine", "f" * 64, 2)
        transaction.put_model_vectors("fine", [key], np.ones((1, 2), np.float16))
        _ = 1 // 0
    assert catalog.further_models() == []
    with catalog.transaction() as transaction:
        transaction.add_further_model("fine", "f" * 64, 2)
        transaction.put_model_vectors("fine", [key], np.ones((1, 2), np.float16))
    assert [(one.name, one.count) for one in catalog.further_models()] == [("fine", 1)]


def test_ids_are_found_by_their_beginning(catalog: Catalog) -> None:
    ids = sorted(image_id(n) for n in range(40))
    with catalog.transaction() as transaction:
        transaction.put_images([image(n) for n in range(40)], np.ones((40, D), np.float16))
    for prefix in ["", "a", ids[3][:2], ids[3][:20], ids[3], ids[3] + "0", "f", "g", "A", "%", "\ud800", "x'y"]:
        expected = [one for one in ids if one.startswith(prefix)]
        assert catalog.find_ids(prefix) == expected[:2]
        assert catalog.find_ids(prefix, limit=100) == expected
    assert catalog.find_ids("", limit=0) == []


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_all_vectors_and_pictures_come_in_batches_in_the_order_of_keys(catalog: Catalog, batch: int) -> None:
    N = 7
    with catalog.transaction() as transaction:
        keys = transaction.put_images([image(n) for n in range(N)], rows(*range(N))).tolist()
    stored = list(catalog.all_vectors(batch=batch))
    assert all(0 < len(part.keys) <= batch for part in stored)
    assert np.concatenate([part.keys for part in stored]).tolist() == keys
    assert np.concatenate([part.vectors for part in stored])[:, 0].tolist() == list(range(N))
    images = list(catalog.all_images(batch=batch))
    assert all(0 < len(part) <= batch for part in images)
    assert [pair for part in images for pair in part] == [(key, image(n)) for n, key in enumerate(keys)]


def test_the_catalog_may_be_changed_while_one_goes_through_it(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(n) for n in range(4)], rows(1, 2, 3, 4))
        transaction.put_files([file(n, f"/{n}") for n in range(4)])
    for found in catalog.files():
        with catalog.transaction() as transaction:
            transaction.forget_files([found.path])
    for _ in catalog.all_vectors(batch=2):
        with catalog.transaction() as transaction:
            transaction.put_images([image(0)], rows(5))
    assert list(catalog.files()) == []


def test_many_more_ids_than_a_statement_takes_are_looked_up(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        (key,) = transaction.put_images([image(1)], rows(1)).tolist()
    many = [image_id(n) for n in range(2_000)] * 20
    assert catalog.keys(many) == {image_id(1): key}
    assert list(catalog.images(many)) == list(catalog.files_of(many)) == [image_id(1)]
    assert catalog.ids(list(range(300_000))) == {key: image_id(1)}
    assert catalog.vectors(np.arange(300_000)).keys.tolist() == [key]


def test_a_picture_passes_by_one_file_that_passes_alone(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        (one, two, none) = transaction.put_images([image(n) for n in range(3)], rows(1, 2, 3)).tolist()
        transaction.put_files([file(0, "/b/x.jpg"), file(0, "/a/y.jpg"), file(0, "/a/b/z.jpg"), file(1, "/b/y.jpg")])

    def passing(text: str) -> tuple[list[int], dict[str, str]]:
        where = Filter.parse(text)
        return catalog.select(where).tolist(), catalog.matching_paths(where, [image_id(n) for n in range(4)])

    assert passing("folder = /a") == ([one], {image_id(0): "/a/b/z.jpg"})
    assert passing("folder = /a and name = y.jpg") == ([one], {image_id(0): "/a/y.jpg"})
    assert passing("folder = /a and name = x.jpg") == ([], {})
    assert passing("folder != /a") == ([one, two, none], {image_id(0): "/b/x.jpg", image_id(1): "/b/y.jpg"})
    assert passing("path exists") == ([one, two], {image_id(0): "/a/b/z.jpg", image_id(1): "/b/y.jpg"})
    assert passing("path not exists") == ([none], {})
    assert passing("width = 640")[1] == {image_id(0): "/a/b/z.jpg", image_id(1): "/b/y.jpg"}
    assert catalog.matching_paths(Filter.everything(), []) == {}


def test_many_threads_read_and_write_at_once(catalog: Catalog) -> None:
    T, N = 4, 5
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for n in range(N):
                with catalog.transaction() as transaction:
                    transaction.put_images([image((thread, n))], rows(thread))
                    transaction.put_files([file((thread, n), f"/{thread}/{n}")])
                facts = catalog.facts()
                assert facts.images == facts.files
                assert len(keys_since(catalog)) >= n
        except BaseException as error:  # handed to the main thread, which raises
            failures.append(error)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(T)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert catalog.facts().images == len(keys_since(catalog)) == T * N


def test_closing_twice_is_closing(catalog: Catalog) -> None:
    catalog.close()
    catalog.close()


NAMES = st.integers(0, 4)
PATHS = st.sampled_from(["/a", "/a/b", "/b", "/b/\n"])
METADATA = st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(0, 2) | st.text(max_size=2), max_size=2)


class CatalogAgainstPlainLists(RuleBasedStateMachine):
    """Random changes, after each of which the catalog and plain dictionaries must say the same.

    Each example goes on with the tombstones of those before, as a real collection does.
    """

    catalog: Catalog

    def __init__(self) -> None:
        super().__init__()
        ids = [image_id(name) for name in range(5)]
        with self.catalog.transaction() as transaction:  # learn all keys, and bring the changes into a known order
            keys = transaction.put_images([image(name) for name in range(5)], rows(*range(5))).tolist()
            transaction.forget_forever(ids)
            transaction.forget_files([one.path for one in self.catalog.refused()])
        self.images: dict[str, ImageRecord] = {}
        self.kept: dict[str, dict[str, Any]] = {}
        self.vectors: dict[str, float] = {}
        self.files: dict[str, str] = {}
        self.refused: set[str] = set()
        self.further: dict[str, float] = {}
        self.catalog.add_further_model("fine", "f" * 64, 2)
        self.keys: dict[str, int] = dict(zip(ids, keys, strict=True))
        self.order = ids

    @rule(
        name=NAMES,
        width=st.integers(1, 3),
        metadata=METADATA,
        provisional=st.booleans(),
        value=st.integers(0, 9),
        is_undone=st.booleans(),
    )
    def put(self, name: int, width: int, metadata: Any, provisional: bool, value: int, is_undone: bool) -> None:
        given = image(name, width=width, metadata=metadata, provisional=provisional)
        with suppress(ZeroDivisionError), self.catalog.transaction() as transaction:
            (key,) = transaction.put_images([given], rows(value)).tolist()
            _ = 1 / (not is_undone)
        if is_undone:
            return
        assert self.keys[given.id] == key
        earlier = self.images[given.id].metadata if given.id in self.images else {}
        if not provisional:
            earlier = {**self.kept.pop(given.id, {}), **earlier}
        merged = {field: one for field, one in {**earlier, **metadata}.items() if one is not None}
        self.images[given.id] = replace(given, metadata=merged)
        self.vectors[given.id] = value
        self.touch(given.id)

    @rule(name=NAMES, path=PATHS)
    def put_file(self, name: int, path: str) -> None:
        try:
            with self.catalog.transaction() as transaction:
                transaction.put_files([file(name, path)])
        except NotIndexed:
            assert image_id(name) not in self.images
        else:
            self.files[path] = image_id(name)
            self.refused.discard(path)

    @rule(names=st.lists(NAMES, max_size=3), value=st.integers(0, 9))
    def put_further(self, names: list[int], value: int) -> None:
        ids = [image_id(name) for name in names]
        vectors = np.full((len(ids), 2), value, np.float16)
        with self.catalog.transaction() as transaction:
            there = transaction.put_model_vectors("fine", [self.keys[one] for one in ids], vectors)
        assert there == len({one for one in ids if one in self.images})
        self.further.update({one: value for one in ids if one in self.images})

    @rule(path=PATHS)
    def refuse(self, path: str) -> None:
        with self.catalog.transaction() as transaction:
            transaction.put_refused([RefusedFile(path, 1, 2, "empty", "empty")])
        self.files.pop(path, None)
        self.refused.add(path)

    @rule(path=PATHS)
    def forget(self, path: str) -> None:
        with self.catalog.transaction() as transaction:
            transaction.forget_files([path])
        self.files.pop(path, None)
        self.refused.discard(path)

    @rule(name=NAMES, how=st.sampled_from(["keep", "drop", "forever"]))
    def remove(self, name: int, how: str) -> None:
        is_there = image_id(name) in self.images
        with self.catalog.transaction() as transaction:
            if how == "forever":
                is_kept = image_id(name) in self.kept
                assert transaction.forget_forever([image_id(name)]) == (is_there or is_kept)
                self.kept.pop(image_id(name), None)
            else:
                assert transaction.remove_images([image_id(name)], keep=how == "keep") == is_there
        self.further.pop(image_id(name), None)
        if removed := self.images.pop(image_id(name), None):
            if how == "keep" and removed.metadata:
                self.kept[removed.id] = {**self.kept.get(removed.id, {}), **removed.metadata}
            self.files = {path: one for path, one in self.files.items() if one != image_id(name)}
            self.touch(image_id(name))

    @rule(name=NAMES, metadata=METADATA)
    def merge(self, name: int, metadata: Any) -> None:
        with self.catalog.transaction() as transaction:
            assert transaction.merge_metadata({image_id(name): metadata}) == (image_id(name) in self.images)
        if earlier := self.images.get(image_id(name)):
            merged = {field: one for field, one in {**earlier.metadata, **metadata}.items() if one is not None}
            self.images[earlier.id] = replace(earlier, metadata=merged)
            self.touch(earlier.id)

    def touch(self, name: str) -> None:
        self.order = [one for one in self.order if one != name] + [name]

    @invariant()
    def both_say_the_same(self) -> None:
        catalog = self.catalog
        assert catalog.images(list(self.keys)) == self.images
        assert known_ids(catalog) == set(self.images)
        assert {one.path: one.image_id for one in catalog.files()} == self.files
        assert {one.path for one in catalog.refused()} == self.refused
        changes = changes_since(catalog)
        assert {change.key for change in changes} == {self.keys[one] for one in self.order}
        gone = {change.key for change in changes if change.kind is ChangeKind.REMOVED}
        assert gone == {self.keys[one] for one in self.order if one not in self.images}
        vectors = {
            int(key): row[0] for part in catalog.all_vectors() for key, row in zip(part.keys, part.vectors, strict=True)
        }
        assert vectors == {self.keys[one]: self.vectors[one] for one in self.images}
        facts = catalog.facts()
        assert (facts.images, facts.files, facts.refused) == (len(self.images), len(self.files), len(self.refused))
        assert catalog.find_forgotten("", limit=9) == sorted(self.kept)
        assert facts.forgotten == len(self.kept)
        assert catalog.cursor() == catalog.changes(START).cursor
        further = {
            int(key): row[0]
            for part in catalog.all_model_vectors("fine", batch=2)
            for key, row in zip(part.keys, part.vectors, strict=True)
        }
        assert further == {self.keys[one]: value for one, value in self.further.items()}
        assert catalog.further_models()[0].count == len(further)
        lacking = sorted(self.keys[one] for one in self.images if one not in self.further)
        assert catalog.keys_without_vector("fine", 9).tolist() == lacking


def test_random_changes_leave_what_plain_lists_would_hold(catalog: Catalog) -> None:
    machine = type("Machine", (CatalogAgainstPlainLists,), {"catalog": catalog})
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=15, deadline=None))


def test_a_catalog_that_was_used_has_no_damage(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image("a", metadata={"n": [1, "x"]}), image("b")], rows(1, 2))
        transaction.put_files([file("a", "/a.jpg"), file("b", "/b.jpg")])
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id("a")])
        transaction.merge_metadata({image_id("b"): {"label": "cat"}})
    assert catalog.check() == []


def test_a_new_catalog_has_no_damage(engine: Callable[[], Catalog]) -> None:
    assert engine().check() == []


def test_pictures_by_key_are_what_ids_images_and_files_say_together(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        keys = transaction.put_images([image(n, metadata={"n": n}) for n in range(3)], rows(1, 2, 3))
        transaction.put_files([file(0, "/b/2"), file(0, "/a/1"), file(0, "/b/" + os.fsdecode(b"\xff")), file(1, "/c")])
        transaction.remove_images([image_id(1)])
    wanted = [*keys.tolist(), 999]

    found = catalog.pictures(wanted)

    ids = catalog.ids(wanted)
    assert found.keys() == ids.keys()
    for key, one in found.items():
        assert one.image == catalog.images([ids[key]])[ids[key]]
        assert list(one.files) == catalog.files_of([ids[key]])[ids[key]]
    assert catalog.pictures([]) == {}


def test_what_is_out_of_sight_is_what_was_said_last_and_no_change_of_a_picture(catalog: Catalog) -> None:
    assert catalog.out_of_sight() == {}
    for folders in ({"/a": ["/a/1.jpg", "/a/\udcff'.jpg"], "/b": []}, {"/b": ["/b/2.jpg"]}, {}):
        version, cursor = catalog.version(), catalog.cursor()
        with suppress(ZeroDivisionError), catalog.transaction() as transaction:
            transaction.put_out_of_sight({"/undone": []})
            _ = 1 / 0
        with catalog.transaction() as transaction:
            transaction.put_out_of_sight(folders)
        assert catalog.out_of_sight() == folders
        assert (catalog.version() != version, catalog.cursor()) == (True, cursor)
    assert catalog.check() == []


def test_the_devices_of_folders_are_what_was_said_last_and_no_change_of_a_picture(catalog: Catalog) -> None:
    assert catalog.devices() == {}
    first, second = {"/a": "1f", "/b/\udcff'": "2"}, {"/a": "3"}
    for devices in (first, second):
        version, cursor = catalog.version(), catalog.cursor()
        with suppress(ZeroDivisionError), catalog.transaction() as transaction:
            transaction.put_devices({"/undone": "1"})
            _ = 1 / 0
        with catalog.transaction() as transaction:
            transaction.put_devices(devices)
        assert catalog.devices() == devices
        assert (catalog.version() != version, catalog.cursor()) == (True, cursor)
    assert catalog.check() == []
