"""What every catalog promises to many writers at a time, and to who follows it meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from lookalike.catalog.base import Catalog, Transaction
from lookalike.core.errors import Locked
from lookalike.core.records import INDEXED, START, ChangeKind, Cursor
from tests.contract.feeds import changes_since
from tests.contract.test_catalog import catalog, engine, image, image_id, rows
from tests.waiting import eventually

__all__ = ["catalog", "engine"]

WRITERS, ROUNDS, NAMES = 4, 12, 9


def commit(catalog: Catalog, block: Callable[[Transaction], object]) -> None:
    """Until nobody else is faster."""
    while True:
        try:
            with catalog.transaction() as transaction:
                block(transaction)
        except Locked:
            continue
        return


def put(catalog: Catalog, *names: object, value: float = 1) -> None:
    images, vectors = [image(name) for name in names], rows(*[value] * len(names))
    commit(catalog, lambda transaction: transaction.put_images(images, vectors))


@contextmanager
def running(*works: Callable[[], None]) -> Iterator[list[threading.Thread]]:
    """Works on threads of their own; what one raises is raised at the end."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # handed to the test, which raises it
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


class Reader:
    """Follows the feed page by page, and knows what is there by it alone."""

    def __init__(self, catalog: Catalog, *, limit: int) -> None:
        self._catalog = catalog
        self._limit = limit
        self.cursor: Cursor = START
        self.vectors: dict[int, float] = {}

    def read(self) -> bool:
        """Take a page in; whether it was the last."""
        page = self._catalog.changes(self.cursor, kinds=INDEXED, limit=self._limit)
        assert len({change.key for change in page.changes}) == len(page.changes)
        keys = [change.key for change in page.changes if change.kind is ChangeKind.VECTOR]
        for key in (change.key for change in page.changes if change.kind is ChangeKind.REMOVED):
            self.vectors.pop(key, None)
        stored = self._catalog.vectors(keys)
        self.vectors.update({int(key): float(row[0]) for key, row in zip(stored.keys, stored.vectors, strict=True)})
        self.cursor = page.cursor
        return page.complete

    def read_to_the_end(self) -> None:
        while not self.read():
            pass


def truth(catalog: Catalog) -> dict[int, float]:
    parts = list(catalog.all_vectors(batch=3))
    return {int(key): float(row[0]) for part in parts for key, row in zip(part.keys, part.vectors, strict=True)}


def test_nobody_decides_by_what_another_one_has_changed_meanwhile(catalog: Catalog) -> None:
    """Each adds a picture where it has read how many there are; no two read the same."""
    counted: list[int] = []

    def add(name: int) -> None:
        seen = [0]

        def block(transaction: Transaction) -> None:
            seen[0] = transaction.facts().images
            transaction.put_images([image(name)], rows(1))
            assert transaction.facts().images == seen[0] + 1

        commit(catalog, block)
        counted.append(seen[0])

    with running(*[lambda name=name: add(name) for name in range(WRITERS)]):  # type: ignore[misc]
        pass
    assert sorted(counted) == list(range(WRITERS))


def test_no_label_is_lost_that_two_give_at_the_same_time(catalog: Catalog) -> None:
    put(catalog, "one")

    def label(writer: int) -> None:
        for n in range(ROUNDS):
            commit(
                catalog,
                lambda transaction: transaction.merge_metadata({image_id("one"): {f"{writer}.{n}": 1}}),  # noqa: B023 - run at once
            )

    with running(*[lambda writer=writer: label(writer) for writer in range(WRITERS)]):  # type: ignore[misc]
        pass
    metadata = catalog.images([image_id("one")])[image_id("one")].metadata
    assert metadata.keys() == {f"{writer}.{n}" for writer in range(WRITERS) for n in range(ROUNDS)}


def test_what_was_numbered_early_and_is_committed_late_is_not_skipped(catalog: Catalog) -> None:
    """A block has written, and stays open while others commit as they can, and a reader goes on."""
    put(catalog, "before")
    wrote, may_end = threading.Event(), threading.Event()
    reader = Reader(catalog, limit=2)

    def late() -> None:
        with catalog.transaction() as transaction:
            transaction.put_images([image("late"), image("late, too")], rows(5, 6))
            transaction.remove_images([image_id("before")])
            wrote.set()
            assert may_end.wait(60)

    def others() -> None:
        for n in range(3):
            put(catalog, f"other {n}", value=n)

    with running(late) as (thread,):
        assert wrote.wait(60)
        with running(others) as (other,):
            for _ in range(20):
                reader.read()
            other.join(0.2)  # where nobody need wait, they have committed by now; else they do so later
            reader.read_to_the_end()
            assert thread.is_alive()
            may_end.set()
    reader.read_to_the_end()
    assert reader.vectors == truth(catalog)
    assert sorted(reader.vectors.values()) == [0, 1, 2, 5, 6]


def test_two_rows_of_a_late_transaction_are_told_although_a_page_ends_between_them(catalog: Catalog) -> None:
    wrote, may_end = threading.Event(), threading.Event()

    def late() -> None:
        with catalog.transaction() as transaction:
            transaction.put_images([image("late 0")], rows(7))
            wrote.set()
            assert may_end.wait(60)
            transaction.put_images([image("late 1")], rows(8))

    reader = Reader(catalog, limit=1)
    with running(late):
        assert wrote.wait(60)
        with running(lambda: put(catalog, "early", value=3)):
            reader.read()
            may_end.set()
    pages = 0
    while not reader.read():
        pages += 1
    assert pages >= 1
    assert sorted(reader.vectors.values()) == [3, 7, 8]
    assert reader.vectors == truth(catalog)


def test_a_key_that_was_removed_and_comes_back_is_there_for_who_reads_in_between_or_after(catalog: Catalog) -> None:
    put(catalog, "a", "b")
    often, seldom = Reader(catalog, limit=1), Reader(catalog, limit=1)
    (before,) = catalog.keys([image_id("a")]).values()
    for value in (2, 3):
        often.read_to_the_end()
        commit(catalog, lambda transaction: transaction.remove_images([image_id("a")]))
        often.read_to_the_end()
        assert before not in often.vectors
        put(catalog, "a", value=value)
    for reader in (often, seldom):
        reader.read_to_the_end()
        assert reader.vectors == truth(catalog)
        assert reader.vectors[before] == 3


def test_who_reads_all_and_then_follows_from_before_has_what_is_there(catalog: Catalog) -> None:
    """As an index is built while others write."""
    put(catalog, *range(5))
    reader = Reader(catalog, limit=3)

    def write() -> None:
        for n in range(5):
            put(catalog, n + 3, value=n + 10)
            commit(catalog, lambda transaction, n=n: transaction.remove_images([image_id(n)]))  # type: ignore[misc]

    with running(write):
        reader.cursor = catalog.cursor()
        reader.vectors = truth(catalog)
    reader.read_to_the_end()
    assert reader.vectors == truth(catalog)


def test_readers_who_poll_all_the_time_end_with_what_many_writers_have_left(catalog: Catalog) -> None:
    """Each writer keeps its blocks open for a while of its own, so that commits come in another order than numbers."""
    done = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for n in range(ROUNDS):
            name, value, pause_s = chance.randrange(NAMES), seed * 100 + n, chance.random() * 0.004
            kind = chance.choice(["put", "put", "label", "remove"])

            def block(transaction: Transaction) -> None:
                if kind == "put":  # noqa: B023 - run at once, and again
                    transaction.put_images([image(name), image((seed, n))], rows(value, value))  # noqa: B023
                elif kind == "label":  # noqa: B023
                    transaction.merge_metadata({image_id(name): {"n": value}})  # noqa: B023
                else:
                    transaction.remove_images([image_id(name), image_id((seed, n - 2))])  # noqa: B023
                done.wait(pause_s)  # noqa: B023

            commit(catalog, block)

    readers = [Reader(catalog, limit=limit) for limit in (1, 2, 100)]

    def poll(reader: Reader) -> None:
        while not done.is_set():
            reader.read()

    with running(*[lambda reader=reader: poll(reader) for reader in readers]):  # type: ignore[misc]
        try:
            with running(*[lambda seed=seed: write(seed) for seed in range(WRITERS)]):  # type: ignore[misc]
                pass
        finally:
            done.set()
    expected = truth(catalog)
    for reader in readers:
        reader.read_to_the_end()
        assert reader.vectors == expected
        assert reader.cursor == catalog.cursor()
    told = {change.key for change in changes_since(catalog, kinds=INDEXED, limit=2) if change.kind != "removed"}
    assert told == expected.keys()


def test_the_cursor_comes_to_rest_when_all_have_committed(catalog: Catalog) -> None:
    with running(*[lambda n=n: put(catalog, n) for n in range(WRITERS)]):  # type: ignore[misc]
        pass
    cursor = catalog.cursor()
    eventually(lambda: catalog.changes(cursor) == ([], cursor, True))
    assert np.all([catalog.cursor() == cursor for _ in range(3)])
