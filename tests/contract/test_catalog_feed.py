"""What every catalog promises of its change feed: who follows it misses nothing, and is told what they asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.catalog.base import Catalog, StoredVectors
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.errors import BadInput, CursorUnknown
from lookalike.core.records import INDEXED, START, Change, ChangeKind, Cursor
from tests.contract.feeds import changes_since, keys_since
from tests.contract.test_catalog import MODEL, D, catalog, engine, file, image, image_id, rows

__all__ = ["catalog", "engine"]

VECTOR, METADATA, REMOVED = ChangeKind.VECTOR, ChangeKind.METADATA, ChangeKind.REMOVED
SOME_KINDS = [frozenset(some) for n in range(4) for some in combinations(ChangeKind, n)]


def put(catalog: Catalog, *names: int, value: float = 1) -> list[int]:
    with catalog.transaction() as transaction:
        return transaction.put_images([image(name) for name in names], rows(*[value] * len(names))).tolist()


def label(catalog: Catalog, *names: int, value: int = 1) -> None:
    with catalog.transaction() as transaction:
        transaction.merge_metadata({image_id(name): {"a": value} for name in names})


def remove(catalog: Catalog, *names: int) -> None:
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(name) for name in names])


def test_a_new_catalog_is_at_the_start_and_tells_nothing(engine: Callable[[], Catalog]) -> None:
    catalog = engine()
    assert catalog.cursor() == START
    assert catalog.changes(START) == ([], START, True)
    assert catalog.follows(START)


def test_each_picture_is_told_once_in_the_order_of_its_last_change(catalog: Catalog) -> None:
    keys = put(catalog, 0, 1, 2)
    before = catalog.cursor()
    assert catalog.changes(START) == ([Change(key, VECTOR) for key in keys], before, True)
    assert catalog.changes(before) == ([], before, True)
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(0)])
        transaction.put_images([image(2)], rows(9))
        transaction.put_files([file(1, "/a.jpg")])
    assert changes_since(catalog, before) == [Change(keys[0], REMOVED), Change(keys[2], VECTOR)]
    assert keys_since(catalog) == [keys[1], keys[0], keys[2]]
    assert catalog.changes(START).cursor == catalog.cursor() != before


def test_what_concerns_a_vector_and_what_does_not_are_told_apart(catalog: Catalog) -> None:
    (key,) = put(catalog, 1)
    added = catalog.cursor()
    label(catalog, 1)
    assert changes_since(catalog, added) == [Change(key, METADATA)]
    labelled = catalog.cursor()
    assert labelled != added
    put(catalog, 1, value=2)
    assert changes_since(catalog, labelled) == [Change(key, VECTOR)]
    assert changes_since(catalog, added) == changes_since(catalog) == [Change(key, VECTOR)]
    remove(catalog, 1)
    assert changes_since(catalog, labelled) == changes_since(catalog) == [Change(key, REMOVED)]
    put(catalog, 1, value=2)
    assert changes_since(catalog, labelled) == [Change(key, VECTOR)], "it came back"


def test_a_picture_put_again_with_the_vector_that_it_has_is_no_change_of_a_vector(catalog: Catalog) -> None:
    keys = put(catalog, 1, 2)
    before = catalog.cursor()
    with catalog.transaction() as transaction:
        transaction.put_images([image(1, width=7), image(2)], rows(1, 3))
    assert changes_since(catalog, before) == [Change(keys[0], METADATA), Change(keys[1], VECTOR)]
    before = catalog.cursor()
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(1)])
        transaction.put_images([image(1)], rows(1))
    assert changes_since(catalog, before, kinds=INDEXED) == [Change(keys[0], VECTOR)], "it was gone for a while"


@pytest.mark.parametrize("n", [1, 3_000])
def test_metadata_is_an_empty_page_to_who_follows_vectors(catalog: Catalog, n: int) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(name) for name in range(n)], np.ones((n, D), np.float16))
    before = catalog.cursor()
    label(catalog, *range(n))
    assert catalog.changes(before, kinds=INDEXED, limit=1) == ([], catalog.cursor(), True)
    assert len(changes_since(catalog, before, kinds=[METADATA], limit=1_000)) == n


def test_a_change_of_a_vector_is_not_hidden_by_a_later_one_of_metadata_however_small_the_pages(
    catalog: Catalog,
) -> None:
    keys = put(catalog, *range(5))
    before = catalog.cursor()
    put(catalog, 0, value=9)
    put(catalog, 1, 2, value=9)
    label(catalog, 0)  # behind other changes: on a page that the change of the vector is not on
    for limit in (1, 2, 3, 10):
        found = changes_since(catalog, before, limit=limit)
        assert Change(keys[0], VECTOR) in found
        assert {change.key for change in found} == set(keys[:3])
    assert changes_since(catalog, before, kinds=INDEXED, limit=1) == [Change(key, VECTOR) for key in keys[:3]]


def test_a_change_of_metadata_is_not_hidden_by_a_later_one_of_the_vector(catalog: Catalog) -> None:
    (key,) = put(catalog, 0)
    before = catalog.cursor()
    label(catalog, 0)
    put(catalog, 0, value=9)
    assert changes_since(catalog, before, kinds=[METADATA]) == [Change(key, METADATA)]
    assert changes_since(catalog, before) == [Change(key, VECTOR)]


@pytest.mark.parametrize("kinds", SOME_KINDS, ids=lambda kinds: "+".join(sorted(kinds)) or "none")
def test_only_the_kinds_asked_for_are_told_and_the_cursor_moves_past_the_others(
    catalog: Catalog, kinds: frozenset[ChangeKind]
) -> None:
    added, labelled, removed = put(catalog, 0, 1, 2)
    before = catalog.cursor()
    put(catalog, 0, value=2)
    label(catalog, 1)
    remove(catalog, 2)
    all_of_them = [Change(added, VECTOR), Change(labelled, METADATA), Change(removed, REMOVED)]
    expected = [change for change in all_of_them if change.kind in kinds]
    if METADATA in kinds and VECTOR not in kinds:
        expected.insert(0, Change(added, METADATA))
    page = catalog.changes(before, kinds=kinds)
    assert page == (expected, catalog.cursor(), True)
    assert changes_since(catalog, before, kinds=kinds, limit=1) == expected


def test_a_transaction_is_told_whole_although_pages_end_within_it(catalog: Catalog) -> None:
    keys = put(catalog, *range(7))
    first = catalog.changes(START, limit=3)
    assert (first.changes, first.complete) == ([Change(key, VECTOR) for key in keys[:3]], False)
    put(catalog, 8)
    assert keys_since(catalog, first.cursor)[:4] == keys[3:]
    exact = catalog.changes(START, limit=8)
    assert (len(exact.changes), exact.complete, exact.cursor) == (8, True, catalog.cursor())


def test_a_page_of_nothing_is_refused(catalog: Catalog) -> None:
    for limit in (0, -1):
        with pytest.raises(BadInput, match="at least 1"):
            catalog.changes(START, limit=limit)


def test_what_was_undone_is_not_told(catalog: Catalog) -> None:
    put(catalog, 0)
    before = catalog.cursor()
    with suppress(ZeroDivisionError), catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
        transaction.remove_images([image_id(0)])
        _ = 1 // 0
    assert catalog.changes(before) == ([], before, True)
    assert put(catalog, 1) == keys_since(catalog, before)


def test_a_cursor_is_plain_text_that_outlives_the_reader(catalog: Catalog) -> None:
    put(catalog, 0)
    kept = Cursor(json.loads(json.dumps(catalog.cursor())))
    assert type(kept) is str
    (key,) = put(catalog, 1)
    assert keys_since(catalog, kept) == [key]


BAD = ["x", "1", "1 ", "-1 ab", "0 ", "1 zz", "99999999999999999999 ab", " ", "1 \udcff", "1:1", "\x00"]


@pytest.mark.parametrize("cursor", BAD)
def test_what_is_no_place_in_the_feed_is_refused(catalog: Catalog, cursor: str) -> None:
    put(catalog, 0)
    assert not catalog.follows(Cursor(cursor))
    with pytest.raises(CursorUnknown, match="read all of it anew"):
        catalog.changes(Cursor(cursor))


def test_a_place_of_another_catalog_is_refused(engine: Callable[[], Catalog]) -> None:
    one, other = engine(), engine()
    for made in (one, other):
        made.claim_model(MODEL, D)
        put(made, 0, 1)
    assert one.cursor() != other.cursor()
    assert not one.follows(other.cursor())
    with pytest.raises(CursorUnknown):
        one.changes(other.cursor())
    assert one.follows(one.cursor())


def test_a_place_beyond_the_end_is_refused(tmp_path: Path) -> None:
    """Of a copy, which lacks the last change."""
    with SqliteCatalog.open(tmp_path / "catalog.db") as catalog:
        catalog.claim_model(MODEL, D)
        put(catalog, 0)
        shutil.copy(tmp_path / "catalog.db", tmp_path / "copy.db")
        put(catalog, 1)
        with SqliteCatalog.open(tmp_path / "copy.db") as copy:
            assert not copy.follows(catalog.cursor())
            assert catalog.follows(copy.cursor())


def test_a_catalog_put_back_from_a_copy_goes_on_in_another_history_from_there_on(tmp_path: Path) -> None:
    path, copy = tmp_path / "catalog.db", tmp_path / "copy.db"

    def cursor_after(name: int) -> Cursor:
        with SqliteCatalog.open(path) as catalog:
            catalog.claim_model(MODEL, D)
            put(catalog, name)
            return catalog.cursor()

    common = cursor_after(0)
    copy.write_bytes(path.read_bytes())
    before = [cursor_after(1), cursor_after(2)]
    path.write_bytes(copy.read_bytes())
    after = [cursor_after(1), cursor_after(2)]
    assert len({common, *before, *after}) == 5
    with SqliteCatalog.open(path) as catalog:
        assert [catalog.follows(one) for one in (common, *after)] == [True] * 3
        assert [catalog.follows(one) for one in before] == [False] * 2


def test_the_version_is_another_one_after_whatever_has_changed(catalog: Catalog) -> None:
    put(catalog, 0)
    seen = [catalog.version()]
    catalog.add_further_model("fine", "f" * 64, 2)
    with catalog.transaction() as transaction:
        transaction.put_files([file(0, "/a")])
    seen.append(catalog.version())
    cursor = catalog.cursor()
    with catalog.transaction() as transaction:
        transaction.forget_files(["/a"])
    seen.append(catalog.version())
    assert catalog.cursor() == cursor
    label(catalog, 0)
    seen.append(catalog.version())
    assert len(set(seen)) == len(seen)
    assert catalog.version() == seen[-1]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "label", "remove", "read all", "read vectors", "read metadata"]),
        st.integers(0, 4),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 4))
def test_readers_who_come_now_and_then_know_in_the_end_what_is_there(
    steps: list[tuple[str, int, int]], limit: int
) -> None:
    """Each follows some kinds, one page at a time, between the changes; the memory engine stands for the rule."""
    catalog = MemoryCatalog()
    catalog.claim_model(MODEL, D)
    readers = dict.fromkeys((frozenset(ChangeKind), INDEXED, frozenset([METADATA])), START)
    vectors: dict[int, float] = {}
    labels: dict[int, object] = {}

    def read(kinds: frozenset[ChangeKind]) -> bool:
        page = catalog.changes(readers[kinds], kinds=kinds, limit=limit)
        readers[kinds] = page.cursor
        for key, kind in page.changes:
            if kinds == INDEXED:
                vectors.pop(key, None)
                vectors.update(first_numbers([catalog.vectors([key])]))
            if kinds == {METADATA}:
                labels.update(metadata_of(catalog, [key]))
            assert kind in kinds
        return page.complete

    for step, name, value in steps:
        if step == "put":
            put(catalog, name, value=value)
        elif step == "label":
            label(catalog, name, value=value)
        elif step == "remove":
            remove(catalog, name)
        else:
            read({"read all": frozenset(ChangeKind), "read vectors": INDEXED}.get(step, frozenset([METADATA])))
    for kinds in readers:
        while not read(kinds):
            pass
    assert vectors == first_numbers(catalog.all_vectors())
    assert {key: labels[key] for key in vectors} == metadata_of(catalog, list(vectors))


def first_numbers(parts: Iterable[StoredVectors]) -> dict[int, float]:
    return {int(key): float(row[0]) for part in parts for key, row in zip(part.keys, part.vectors, strict=True)}


def metadata_of(catalog: Catalog, keys: list[int]) -> dict[int, object]:
    return {key: one.image.metadata for key, one in catalog.pictures(keys).items()}
