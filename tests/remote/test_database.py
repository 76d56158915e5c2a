"""The database elsewhere does what it is made for: snapshots, late commits, who commits first wins, and a lost line."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import CollectionError, CursorUnknown, NotIndexed, Overtaken, ServiceDown
from lookalike.core.filters import Filter
from lookalike.core.records import START, Change, ChangeKind, FileRecord
from tests.contract.feeds import keys_since
from tests.contract.test_catalog import MODEL, D, file, image, image_id, rows
from tests.remote.catalog import RemoteCatalog
from tests.remote.database import Database
from tests.remote.line import Fault, Line, LineLost
from tests.remote.tracked import Tracked


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def catalog(database: Database) -> RemoteCatalog:
    made = RemoteCatalog(database)
    made.claim_model(MODEL, D)
    return made


def put(catalog: RemoteCatalog, *names: object, value: float = 1) -> list[int]:
    images, vectors = [image(name) for name in names], rows(*[value] * len(names))
    return in_transaction(catalog, lambda transaction: transaction.put_images(images, vectors).tolist())


class Held:
    """A block that another client keeps open."""

    def __init__(self, catalog: RemoteCatalog) -> None:
        self._block = catalog.transaction()
        self.transaction: Any = self._block.__enter__()

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def give_up(self) -> None:
        with suppress(ZeroDivisionError):
            self._block.__exit__(ZeroDivisionError, ZeroDivisionError(), None)


def other(catalog: RemoteCatalog) -> RemoteCatalog:
    return RemoteCatalog(catalog.database)


def test_a_block_sees_what_was_committed_when_it_began_and_what_it_has_written(catalog: RemoteCatalog) -> None:
    put(catalog, 0)
    held = Held(other(catalog))
    put(catalog, 1)
    held.transaction.put_images([image(2)], rows(3))
    assert held.transaction.images([image_id(n) for n in (0, 2)]).keys() == {image_id(0), image_id(2)}
    assert catalog.images([image_id(n) for n in range(3)]).keys() == {image_id(0), image_id(1)}
    held.commit()
    assert len(catalog.images([image_id(n) for n in range(3)])) == 3
    looking = Held(other(catalog))
    put(catalog, 3)
    assert looking.transaction.images([image_id(3)]) == {}, "of one moment, though another one has come"
    looking.commit()


def test_two_who_change_different_pictures_both_commit(catalog: RemoteCatalog) -> None:
    put(catalog, 0, 1)
    first, second = Held(other(catalog)), Held(other(catalog))
    first.transaction.merge_metadata({image_id(0): {"a": 1}})
    second.transaction.merge_metadata({image_id(1): {"b": 1}})
    second.commit()
    first.commit()
    images = catalog.images([image_id(0), image_id(1)])
    assert [images[image_id(n)].metadata for n in (0, 1)] == [{"a": 1}, {"b": 1}]


@pytest.mark.parametrize(
    "read", ["images", "keys", "files_of", "facts", "select", "find_ids", "file", "claims", "refused_at", "lease"]
)
def test_who_has_read_what_another_one_has_changed_first_is_overtaken(catalog: RemoteCatalog, read: str) -> None:
    asked: dict[str, Any] = {
        "select": Filter.everything(),
        "find_ids": "",
        "file": "/a",
        "claims": image_id(0),
        "refused_at": ["/a"],
        "lease": "l",
    }
    put(catalog, 0)
    held = Held(other(catalog))
    given = () if read == "facts" else (asked.get(read, [image_id(0)]),)
    getattr(held.transaction, read)(*given)
    held.transaction.put_images([image("another")], rows(1))

    def change(transaction: Any) -> None:
        transaction.put_images([image(0, width=9), image("new")], rows(2, 2))
        transaction.put_files([file(0, "/a")])
        transaction.put_claim(image_id(0), "c", rows(1))
        transaction.take_lease("l", "me", lasts_s=9)

    in_transaction(catalog, change)
    if read == "refused_at":  # which nothing has changed: it commits
        return held.commit()
    with pytest.raises(Overtaken, match="begin it again"):
        held.commit()
    assert catalog.images([image_id("another")]) == {}
    return None


def test_who_only_reads_is_never_overtaken(catalog: RemoteCatalog) -> None:
    held = Held(other(catalog))
    assert held.transaction.facts().images == 0
    put(catalog, 0)
    assert held.transaction.facts().images == 0
    held.commit()


def test_two_who_add_the_same_picture_give_it_one_key(catalog: RemoteCatalog) -> None:
    held = Held(other(catalog))
    held.transaction.put_images([image(0)], rows(1))
    (key,) = put(catalog, 0)
    with pytest.raises(Overtaken):
        held.commit()
    assert put(catalog, 0) == [key]
    assert put(catalog, 1) != [key]


def test_a_file_of_a_picture_that_is_removed_meanwhile_does_not_stay_behind(catalog: RemoteCatalog) -> None:
    put(catalog, 0, 1)
    held = Held(other(catalog))
    held.transaction.put_files([FileRecord("/a", image_id(0), 1, 1)])
    in_transaction(catalog, lambda transaction: transaction.remove_images([image_id(0)]))
    with pytest.raises(Overtaken):
        held.commit()
    removing = Held(other(catalog))
    removing.transaction.remove_images([image_id(1)])
    in_transaction(catalog, lambda transaction: transaction.put_files([FileRecord("/b", image_id(1), 1, 1)]))
    with pytest.raises(Overtaken):
        removing.commit()
    assert [one.path for one in catalog.files()] == ["/b"]
    with pytest.raises(NotIndexed):
        in_transaction(catalog, lambda transaction: transaction.put_files([FileRecord("/a", image_id(0), 1, 1)]))


def test_vectors_of_a_further_model_come_beside_pictures_that_come(catalog: RemoteCatalog) -> None:
    (key,) = put(catalog, 0)
    catalog.add_further_model("fine", "f" * 64, 2)
    held = Held(other(catalog))
    held.transaction.put_model_vectors("fine", [key], np.ones((1, 2), np.float16))
    put(catalog, 1)
    held.commit()
    assert catalog.further_models()[0].count == 1
    held = Held(other(catalog))
    held.transaction.put_model_vectors("fine", [key], np.zeros((1, 2), np.float16))
    in_transaction(catalog, lambda transaction: transaction.remove_images([image_id(0)]))
    with pytest.raises(Overtaken):
        held.commit()
    assert catalog.further_models()[0].count == 0


def test_the_feed_waits_for_who_has_taken_a_number_and_then_tells_all(catalog: RemoteCatalog) -> None:
    keys = put(catalog, 0)
    before = catalog.cursor()
    held = Held(other(catalog))
    late = held.transaction.put_images([image("late")], rows(1)).tolist()
    keys += put(catalog, 1)
    assert catalog.changes(before) == ([], before, True), "what came behind the one that runs is not told yet"
    assert catalog.cursor() == before
    assert len(catalog.all_vectors().__next__().keys) == 2, "it is there all the same"
    held.commit()
    assert keys_since(catalog, before) == [*late, keys[1]], "by transaction: the one that began first is told first"
    assert keys_since(catalog, before) == [change.key for change in catalog.changes(before, limit=9).changes]


def test_the_feed_waits_no_longer_for_who_gave_up(catalog: RemoteCatalog) -> None:
    before = catalog.cursor()
    held = Held(other(catalog))
    held.transaction.put_images([image("late")], rows(1))
    (key,) = put(catalog, 1)
    assert catalog.changes(before).changes == []
    held.give_up()
    assert catalog.changes(before).changes == [Change(key, ChangeKind.VECTOR)]


def test_a_reader_that_goes_by_the_number_alone_would_skip_what_is_committed_late(catalog: RemoteCatalog) -> None:
    """The trap itself, so that the tests of the contract are known to catch it."""
    held = Held(other(catalog))
    held.transaction.put_images([image("late")], rows(1))
    put(catalog, 1)
    numbers = {key: last[1] for key, (last, _, _) in catalog.database.committed.changed.items()}  # type: ignore[index]
    largest = max(numbers.values())
    held.commit()
    told = [last[1] for last, _, _ in catalog.database.committed.changed.values() if last[1] > largest]  # type: ignore[index]
    assert told == [], "the late one has a smaller number: it is never told"
    assert len(keys_since(catalog)) == 2


def test_reads_are_asked_again_when_the_line_is_lost(catalog: RemoteCatalog) -> None:
    put(catalog, 0)
    for request in ("images", "changes", "begin"):
        catalog.line.script(request, [Fault.LOST, Fault.LOST_ANSWER, Fault.LOST])
    assert len(catalog.images([image_id(0)])) == 1
    assert len(catalog.changes(START).changes) == 1
    put(catalog, 1)
    assert catalog.line.asked["images"] == 4


def test_a_block_whose_line_is_lost_has_come_to_nothing_and_is_begun_again(catalog: RemoteCatalog) -> None:
    for fault in Fault:
        catalog.line.script("in a block: put_images", [fault])
        with pytest.raises(Overtaken, match="nothing remains"), catalog.transaction() as transaction:
            transaction.put_images([image(0)], rows(1))
        held = Held(catalog)
        held.transaction.put_images([image(0)], rows(1))
        catalog.line.script("in a block: facts", [fault])
        with suppress(Overtaken):  # who passes over it does not commit a part
            held.transaction.facts()
        with pytest.raises(Overtaken):
            held.commit()
        assert catalog.facts().images == 0
    catalog.line.script("in a block: put_images", [Fault.LOST])
    put(catalog, 0)
    assert catalog.facts().images == 1


def test_at_a_commit_whose_answer_is_lost_the_database_is_asked(catalog: RemoteCatalog) -> None:
    catalog.line.script("commit", [Fault.LOST_ANSWER])
    with catalog.transaction() as transaction:
        transaction.put_images([image(0)], rows(1))
    assert catalog.facts().images == 1
    catalog.line.script("commit", [Fault.LOST])
    with pytest.raises(Overtaken), catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
    assert catalog.facts().images == 1
    put(catalog, 1)
    assert catalog.facts().images == 2


@pytest.mark.parametrize("fault", list(Fault))
def test_where_nobody_can_be_asked_that_is_said_and_the_block_may_be_run_again(
    catalog: RemoteCatalog, fault: Fault
) -> None:
    catalog.line.script("commit", [fault])
    catalog.line.script("outcome", [Fault.LOST] * 8)
    held = Held(catalog)
    (key,) = held.transaction.put_images([image(0)], rows(1))
    held.transaction.merge_metadata({image_id(0): {"a": 1}})
    with pytest.raises(ServiceDown, match="does not answer"):
        held.commit()
    again = put(catalog, 0)
    in_transaction(catalog, lambda transaction: transaction.merge_metadata({image_id(0): {"a": 1}}))
    assert catalog.images([image_id(0)])[image_id(0)].metadata == {"a": 1}
    assert catalog.facts().images == 1
    assert (again == [key]) == (fault is Fault.LOST_ANSWER)


def test_a_line_that_stays_down_is_said(catalog: RemoteCatalog) -> None:
    catalog.line.is_down = True
    with pytest.raises(ServiceDown, match="try again"):
        catalog.facts()
    with pytest.raises(ServiceDown), catalog.transaction():
        pass
    catalog.line.is_down = False
    assert catalog.facts().images == 0


def test_a_database_put_back_from_a_copy_knows_no_place_of_before(catalog: RemoteCatalog, database: Database) -> None:
    put(catalog, 0)
    copy, place = database.committed, catalog.cursor()
    put(catalog, 1)
    database.put_back(copy)
    assert not catalog.follows(place)
    with pytest.raises(CursorUnknown):
        catalog.changes(place)
    assert catalog.follows(START)
    assert len(keys_since(catalog)) == 1


def test_blocks_do_not_nest(catalog: RemoteCatalog) -> None:
    with catalog.transaction(), pytest.raises(CollectionError, match="inside another"), catalog.transaction():
        pass


def test_a_line_does_what_chance_and_script_say() -> None:
    line = Line(chance=1, possible={"quiet": (), "deaf": (Fault.LOST_ANSWER,)}, seed=3)
    done: list[str] = []
    assert line.carry("quiet", lambda: 7) == 7
    with pytest.raises(LineLost):
        line.carry("deaf", lambda: done.append("deaf"))
    line.script("quiet", [Fault.LOST, None])
    with pytest.raises(LineLost):
        line.carry("quiet", lambda: done.append("quiet"))
    assert line.carry("quiet", lambda: 8) == 8
    assert (done, line.asked["quiet"]) == (["deaf"], 3)


def test_rows_note_what_was_asked_of_them() -> None:
    rows = Tracked({"a": 1, "b": 2})
    assert (rows["a"], rows.get("x"), "y" in rows, rows.pop("z", None)) == (1, None, False, None)
    assert (rows.asked, rows.is_read_whole) == ({"a", "x", "y", "z"}, False)
    with rows.unnoted():
        assert (len(rows), rows["b"]) == (2, 2)
    assert (rows.asked, rows.is_read_whole) == ({"a", "x", "y", "z"}, False)
    for look in (list, len, lambda table: table.items(), lambda table: table.values(), lambda table: table.keys()):
        looked = Tracked({"a": 1})
        look(looked)
        assert looked.is_read_whole
