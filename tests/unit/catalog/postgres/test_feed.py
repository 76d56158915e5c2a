"""The feed under many writers: a number taken early and committed late is never stepped past."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from lookalike.catalog.patience import in_transaction
from lookalike.catalog.postgres.catalog import PostgresCatalog
from lookalike.core.errors import CursorUnknown
from lookalike.core.records import START, Cursor
from lookalike.storage.postgres.listening import Listener
from tests.contract.feeds import changes_since, keys_since
from tests.contract.test_catalog import image, image_id, rows
from tests.contract.test_catalog_writers import Reader, truth
from tests.unit.catalog.postgres.machines import Held, Machines, put, together

HELD_S, WRITERS = 5.0, 8


def test_while_a_transaction_is_held_open_for_seconds_and_eight_write_no_change_is_skipped(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, "before", value=9)
    done = threading.Event()
    written: list[int] = []
    readers = [Reader(machines.another(), limit=limit) for limit in (1, 7, 4096)]

    def hold() -> None:
        with machines.another().transaction() as transaction:
            transaction.put_images([image(("late", n)) for n in range(3)], rows(5, 6, 7))
            transaction.remove_images([image_id("before")])
            done.wait(HELD_S)
            transaction.put_images([image(("latest", n)) for n in range(2)], rows(8, 8))
        done.set()

    def write(writer: int) -> None:
        one, n = machines.another(), 0
        while not done.is_set():
            put(one, (writer, n), value=n % 100)
            n += 1
        written.append(n)

    def follow(reader: Reader) -> None:
        while not done.is_set():
            reader.read()
            time.sleep(0.02)

    together(
        hold,
        *[lambda writer=writer: write(writer) for writer in range(WRITERS)],  # type: ignore[misc]
        *[lambda reader=reader: follow(reader) for reader in readers],  # type: ignore[misc]
    )
    there = truth(catalog)
    assert len(there) == sum(written) + 5
    assert min(written) > 1, "somebody waited for the one that was held open"
    for reader in readers:
        reader.read_to_the_end()
        assert reader.vectors == there
        assert reader.cursor == catalog.cursor()


def test_two_rows_of_a_transaction_across_the_edge_of_a_page_are_both_told(catalog: PostgresCatalog) -> None:
    keys = put(catalog, *range(5))
    for limit in range(1, 7):
        page = catalog.changes(START, limit=limit)
        assert [change.key for change in page.changes] == keys[:limit]
        rest = [change.key for change in changes_since(catalog, page.cursor, limit=limit)]
        assert rest == keys[limit:], f"a page ended within the transaction, after {limit}"


def test_the_feed_waits_for_who_has_written_and_then_tells_all(machines: Machines, catalog: PostgresCatalog) -> None:
    keys = put(catalog, 0)
    held = Held(machines.another())
    (late,) = held.transaction.put_images([image("late")], rows(1)).tolist()
    keys += put(catalog, 1)
    cursor = catalog.cursor()
    assert keys_since(catalog) == keys[:1]
    held.commit()
    assert keys_since(catalog, cursor) == [late, keys[1]]


def test_the_feed_waits_no_longer_for_who_gave_up_or_only_reads(machines: Machines, catalog: PostgresCatalog) -> None:
    reading, held = Held(machines.another()), Held(machines.another())
    reading.transaction.facts()
    held.transaction.put_images([image("late")], rows(1))
    keys = put(catalog, 1)
    assert keys_since(catalog) == []
    held.give_up()
    assert keys_since(catalog) == keys
    reading.commit()


def test_a_reader_that_goes_by_the_number_alone_would_skip_what_is_committed_late(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    """Why the cursor is the pair of transaction and number, below the oldest transaction that runs."""
    held = Held(machines.another())
    held.transaction.put_images([image("late")], rows(1))
    put(catalog, 1)
    with psycopg.connect(machines.url) as connection:
        newest = connection.execute(f"SELECT max(seq) FROM {catalog.schema}.images".encode()).fetchone()
        held.commit()
        connection.rollback()
        later = connection.execute(f"SELECT seq FROM {catalog.schema}.images WHERE key = 1".encode()).fetchone()
    assert newest is not None
    assert later is not None
    assert later[0] < newest[0]
    assert len(keys_since(catalog)) == 2


def test_cursors_of_another_database_and_words_that_are_none_are_unknown(catalog: PostgresCatalog) -> None:
    put(catalog, 0)
    place, _, word = catalog.cursor().partition(" ")
    for wrong in (f"{place} {int(word, 16) ^ 1:x}", f"1:1 {word}", place, "9" * 40, f"{2**63}:1 1", "x"):
        assert not catalog.follows(Cursor(wrong))
        with pytest.raises(CursorUnknown):
            catalog.changes(Cursor(wrong))
    assert catalog.follows(catalog.cursor())
    assert catalog.follows(START)


def test_a_database_whose_numbers_are_ahead_of_the_server_is_numbered_anew_and_knows_no_cursor_of_before(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    """As after a dump was restored on another server, which has begun fewer transactions."""
    keys = put(catalog, 0, 1)
    in_transaction(catalog, lambda transaction: transaction.merge_metadata({image_id(0): {"a": 1}}))
    before = catalog.cursor()
    ahead = (2**40,)
    catalog._pool.ask(catalog.schema, lambda session: move_ahead(session, *ahead))
    assert keys_since(catalog) == []
    again = machines.another()
    assert not again.follows(before)
    assert sorted(keys_since(again)) == keys
    new = put(again, 2)
    assert keys_since(again)[-1:] == new
    in_transaction(again, lambda transaction: transaction.put_devices({"/": transaction.devices().get("/", "disk")}))
    assert again.check() == []


def move_ahead(session: object, by: int) -> None:
    for table, columns in (("images", ("xid", "vector_xid")), ("history", ("xid",)), ("writes", ("xid",))):
        sets = ", ".join(f"{one} = (({one}::text)::bigint + {by})::text::xid8" for one in columns)
        session.change(f"UPDATE ours.{table} SET {sets}")  # type: ignore[attr-defined]


def test_who_waits_is_told_of_a_commit_that_moves_the_feed_and_of_no_other(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    listener = Listener(catalog._pool, catalog.schema)
    try:
        assert listener.wait(60)
        held = Held(machines.another())
        held.transaction.put_images([image(0)], rows(1))
        assert not listener.wait(0.3)
        held.commit()
        assert listener.wait(60)
        in_transaction(catalog, lambda transaction: transaction.put_devices({"/": "disk"}))
        assert not listener.wait(0.3)
    finally:
        listener.close()
