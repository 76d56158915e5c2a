"""Pages of a feed, and the cursors of catalogs that number their changes."""

from __future__ import annotations

import pytest

from lookalike.catalog.feed_pages import pages_since, put_of, removals_of
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.numbered_feed import ALL_KINDS, Entry, Place, entries_of, page_of, place_of
from lookalike.core.errors import CatalogDamaged
from lookalike.core.records import START, Change, ChangeKind, ChangePage, Cursor, numbered_cursor

VECTOR, METADATA, REMOVED = ChangeKind.VECTOR, ChangeKind.METADATA, ChangeKind.REMOVED
END = Cursor("end")


def page(entries: list[Entry[int]], limit: int) -> ChangePage:
    return page_of(entries, limit=limit, end=END, cursor_at=lambda seq: Cursor(f"at {seq}"))


def read(entries: list[Entry[int]], limit: int) -> list[Change]:
    """As a reader goes on from page to page."""
    found, since, complete = [], 0, False
    while not complete:
        changes, cursor, complete = page([entry for entry in entries if entry.position > since], limit)
        found += changes
        since = since if complete else int(cursor.split()[1])
    return found


def test_a_cursor_says_the_number_and_whose_change_it_was() -> None:
    assert place_of(numbered_cursor(12, "ab")) == Place(12, "ab")
    assert place_of(numbered_cursor(12, "")) == Place(12, ""), "of a catalog of before, which knows no words"
    assert numbered_cursor(0, "ab") == START
    assert place_of(START) == Place(0, "")
    for bad in ("12", "12 xyz", "-1 ab", "012 ab", "12  ab", "12 ab ", "1" * 19 + " ab"):
        assert place_of(Cursor(bad)) is None


def test_a_picture_stands_in_the_feed_where_its_vector_changed_and_where_the_rest_did() -> None:
    both = {"last": 9, "vector": 4, "removed": False}
    assert entries_of(7, **both, kinds=ALL_KINDS) == [Entry(4, 7, VECTOR), Entry(9, 7, METADATA)]
    assert entries_of(7, **both, kinds={METADATA}) == [Entry(9, 7, METADATA)]
    assert entries_of(7, last=4, vector=4, removed=False, kinds=ALL_KINDS) == [Entry(4, 7, VECTOR)]
    assert entries_of(7, last=4, vector=4, removed=False, kinds={METADATA}) == [Entry(4, 7, METADATA)]
    assert entries_of(7, last=4, vector=4, removed=True, kinds=ALL_KINDS) == [Entry(4, 7, REMOVED)]
    assert entries_of(7, last=4, vector=4, removed=True, kinds={VECTOR, METADATA}) == []


def test_a_page_tells_each_picture_once_and_where_to_go_on() -> None:
    entries = [Entry(1, 5, VECTOR), Entry(2, 6, VECTOR), Entry(3, 5, METADATA), Entry(4, 7, REMOVED)]
    assert page(entries, 3) == ([Change(5, VECTOR), Change(6, VECTOR)], "at 3", False)
    assert page(entries, 4) == ([Change(5, VECTOR), Change(6, VECTOR), Change(7, REMOVED)], END, True)
    assert page(entries, 2) == ([Change(5, VECTOR), Change(6, VECTOR)], "at 2", False)
    assert page([], 2) == ([], END, True)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_two_changes_of_the_same_number_are_both_told_wherever_pages_end(limit: int) -> None:
    entries = [Entry(seq, key, VECTOR) for key, seq in enumerate([1, 2, 2, 3, 4, 4, 4, 5])]
    assert [change.key for change in read(entries, limit)] == list(range(8))


def test_the_pages_of_an_index_tell_what_came_and_what_went() -> None:
    told = ChangePage([Change(3, VECTOR), Change(1, REMOVED), Change(2, VECTOR)], END, complete=True)
    assert (put_of(told).tolist(), removals_of(told).tolist()) == ([3, 2], [1])
    assert put_of(ChangePage([], END, complete=True)).dtype == "int64"


def test_a_feed_that_does_not_get_on_is_an_error_and_no_endless_loop() -> None:
    catalog = MemoryCatalog()
    catalog.changes = lambda since, **_: ChangePage([], since, complete=False)  # type: ignore[method-assign]
    with pytest.raises(CatalogDamaged, match="doctor"):
        list(pages_since(catalog, START))
