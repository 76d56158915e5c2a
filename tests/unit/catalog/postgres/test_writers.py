"""Many writers: who has read what another one has changed first begins again, and nobody else does."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import Transaction
from lookalike.catalog.patience import in_transaction
from lookalike.catalog.postgres import footprint
from lookalike.catalog.postgres.catalog import PostgresCatalog
from lookalike.catalog.postgres.catalogs import PostgresCatalogs
from lookalike.core.errors import Locked, NotIndexed, Overtaken, WrongModel
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, RefusedFile
from tests.contract.test_catalog import file, image, image_id, rows
from tests.unit.catalog.postgres.machines import NAME, Held, Machines, put, together

FINE = "f" * 64


def test_a_block_sees_what_was_committed_when_it_began_and_what_it_has_written(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, 0)
    held = Held(machines.another())
    put(catalog, 1)
    held.transaction.put_images([image(2)], rows(3))
    assert held.transaction.images([image_id(n) for n in (0, 2)]).keys() == {image_id(0), image_id(2)}
    assert held.transaction.images([image_id(1)]) == {}
    assert catalog.images([image_id(n) for n in range(3)]).keys() == {image_id(0), image_id(1)}
    held.give_up()


def test_two_who_read_and_change_different_pictures_both_commit(machines: Machines, catalog: PostgresCatalog) -> None:
    put(catalog, 0, 1)
    first, second = Held(machines.another()), Held(machines.another())
    for held, name in ((first, 0), (second, 1)):
        held.transaction.images([image_id(name)])
        held.transaction.merge_metadata({image_id(name): {"a": name}})
        held.transaction.put_images([image(("new", name))], rows(1))
        held.transaction.put_files([file(("new", name), f"/{name}")])
    second.commit()
    first.commit()
    assert catalog.facts().images == 4
    assert catalog.check() == []


READS: dict[str, Any] = {
    "images": [image_id(0)],
    "keys": [image_id("new")],
    "stamps": [image_id(0)],
    "files_of": [image_id(0)],
    "pictures": [1],
    "vectors": [1],
    "ids": [1],
    "select": Filter.everything(),
    "count": Filter.parse("path = /a"),
    "find_ids": "",
    "file": "/a",
    "files_at": ["/a"],
    "claims": image_id(0),
    "refused_at": ["/r"],
    "deleting": [image_id(7)],
    "lease": "l",
    "facts": None,
    "metadata_fields": None,
    "devices": None,
    "out_of_sight": None,
    "projection_version": None,
    "further_models": None,
}


def change_everything(transaction: Transaction) -> None:
    transaction.put_images([image(0, width=9, metadata={"m": 1}), image("new")], rows(2, 2))
    transaction.put_files([file(0, "/a")])
    transaction.put_refused([RefusedFile("/r", 1, 1, "broken", "it is broken")])
    transaction.put_claim(image_id(0), "c", rows(1))
    transaction.take_lease("l", "me", lasts_s=9)
    transaction.begin_deleting([image_id(7)], until=9.0)
    transaction.put_devices({"/": "disk"})
    transaction.put_out_of_sight({"/": ["/a"]})
    transaction.add_further_model("fine", FINE, 2)


@pytest.mark.parametrize("read", READS)
def test_who_has_read_what_another_one_has_changed_first_is_overtaken(
    machines: Machines, catalog: PostgresCatalog, read: str
) -> None:
    put(catalog, 0)
    held = Held(machines.another())
    getattr(held.transaction, read)(*([] if READS[read] is None else [READS[read]]))
    held.transaction.put_images([image("another")], rows(1))
    in_transaction(catalog, change_everything)
    if read == "projection_version":  # which nothing has changed
        held.commit()
        return
    with pytest.raises(Overtaken, match="begin the block again"):
        held.commit()
    assert catalog.images([image_id("another")]) == {}


@pytest.mark.parametrize("name", ["files", "refused", "all_vectors", "all_images"])
def test_who_has_gone_through_a_list_that_another_one_has_changed_is_overtaken(
    machines: Machines, catalog: PostgresCatalog, name: str
) -> None:
    held = Held(machines.another())
    assert list(getattr(held.transaction, name)()) == []
    held.transaction.put_images([image("another")], rows(1))
    in_transaction(catalog, change_everything)
    with pytest.raises(Overtaken):
        held.commit()


def test_who_only_reads_is_never_overtaken(machines: Machines, catalog: PostgresCatalog) -> None:
    held = Held(machines.another())
    assert held.transaction.facts().images == 0
    put(catalog, 0)
    assert held.transaction.facts().images == 0
    held.commit()


def test_of_two_who_each_read_what_the_other_changes_one_begins_again(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    """Neither changes what the other does: no row tells of it."""
    put(catalog, 0, 1)
    first, second = Held(machines.another()), Held(machines.another())
    assert first.transaction.images([image_id(0)])[image_id(0)].metadata == {}
    assert second.transaction.images([image_id(1)])[image_id(1)].metadata == {}
    first.transaction.merge_metadata({image_id(1): {"on duty": False}})
    second.transaction.merge_metadata({image_id(0): {"on duty": False}})
    second.commit()
    with pytest.raises(Overtaken):
        first.commit()


def test_where_more_was_read_than_is_noted_one_by_one_all_of_it_counts(
    machines: Machines, catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footprint, "_MOST_NUMBERS", 3)
    held = Held(machines.another())
    held.transaction.files_at([f"/{n}" for n in range(9)])
    held.transaction.put_devices({"/": "disk"})
    put(catalog, 0)
    in_transaction(catalog, lambda transaction: transaction.put_files([file(0, "/elsewhere")]))
    with pytest.raises(Overtaken):
        held.commit()
    reader = Held(machines.another())
    reader.transaction.images([image_id("not there")])
    reader.transaction.put_devices({"/": "other disk"})
    put(catalog, *range(9))  # more than are noted, too
    with pytest.raises(Overtaken):
        reader.commit()


def test_who_began_before_what_is_no_longer_known_was_written_begins_again(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    held = Held(machines.another())
    held.transaction.files_at(["/a"])
    put(catalog, 0)
    age_writes(catalog)
    held.transaction.put_devices({"/": "disk"})
    with pytest.raises(Overtaken):
        held.commit()
    in_transaction(catalog, lambda transaction: transaction.put_devices(transaction.devices() | {"/": "disk"}))


def age_writes(catalog: PostgresCatalog) -> None:
    """As if all commits were made long ago, and were tidied up."""
    from lookalike.catalog.postgres import tallies

    catalog._pool.ask(
        catalog.schema, lambda session: session.change("UPDATE ours.writes SET at = at - interval '1 hour'")
    )
    catalog._pool.ask(catalog.schema, tallies.fold)
    assert catalog._pool.ask(catalog.schema, lambda session: session.rows("SELECT * FROM ours.writes")) == []


def test_many_who_bind_it_at_once_agree_on_one_model(machines: Machines) -> None:
    places = [machines.another_place() for _ in range(6)]
    refused: list[WrongModel] = []

    def bind(n: int) -> None:
        with places[n].open(NAME) as opened:
            try:
                opened.claim_model("ab"[n % 2] * 64, 4)
            except WrongModel as error:
                refused.append(error)

    together(*[lambda n=n: bind(n) for n in range(6)])  # type: ignore[misc]
    assert len(refused) == 3


def test_a_claim_does_not_outlive_its_picture(machines: Machines, catalog: PostgresCatalog) -> None:
    put(catalog, 0)
    held = Held(machines.another())
    held.transaction.put_claim(image_id(0), "mine", rows(1))
    in_transaction(catalog, lambda transaction: transaction.remove_images([image_id(0)]))
    with pytest.raises(Overtaken):
        held.commit()


def test_two_who_add_the_same_picture_give_it_one_key(machines: Machines, catalog: PostgresCatalog) -> None:
    others = [machines.another() for _ in range(4)]
    together(*[lambda one=one: put(one, 0, 1, 2) for one in others])  # type: ignore[misc]
    assert catalog.facts().images == 3
    keys = catalog.keys([image_id(n) for n in range(3)])
    assert len(set(keys.values())) == 3
    in_transaction(catalog, lambda transaction: transaction.remove_images([image_id(0)]))
    assert put(catalog, 0) == [keys[image_id(0)]]


def test_a_key_is_not_given_again_where_its_transaction_came_to_nothing(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    held = Held(machines.another())
    (key,) = held.transaction.put_images([image(0)], rows(1)).tolist()
    held.give_up()
    assert put(catalog, 1)[0] > key


def test_who_wants_no_waiting_is_told_at_once_that_a_row_is_being_changed(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, 0)
    held = Held(machines.another())
    held.transaction.merge_metadata({image_id(0): {"a": 1}})
    with pytest.raises(Locked, match="try again later"):
        in_transaction(catalog, lambda transaction: transaction.merge_metadata({image_id(0): {"b": 1}}), wait=False)
    held.commit()
    assert catalog.images([image_id(0)])[image_id(0)].metadata == {"a": 1}


def test_a_file_of_a_picture_that_is_removed_meanwhile_does_not_stay_behind(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, 0, 1)
    held = Held(machines.another())
    held.transaction.put_files([FileRecord("/a", image_id(0), 1, 1)])
    in_transaction(catalog, lambda transaction: transaction.remove_images([image_id(0)]))
    with pytest.raises(Overtaken):
        held.commit()
    removing = Held(machines.another())
    removing.transaction.remove_images([image_id(1)])
    in_transaction(catalog, lambda transaction: transaction.put_files([FileRecord("/b", image_id(1), 1, 1)]))
    with pytest.raises(Overtaken):
        removing.commit()
    assert [one.path for one in catalog.files()] == ["/b"]
    with pytest.raises(NotIndexed):
        in_transaction(catalog, lambda transaction: transaction.put_files([FileRecord("/a", image_id(0), 1, 1)]))
    assert catalog.check() == []


def test_a_path_is_not_both_a_picture_and_refused_when_two_say_so_at_once(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, 0)
    held = Held(machines.another())
    held.transaction.put_refused([RefusedFile("/a", 1, 1, "broken", "it is broken")])
    in_transaction(catalog, lambda transaction: transaction.put_files([file(0, "/a")]))
    with pytest.raises(Overtaken):
        held.commit()
    assert catalog.check() == []


@pytest.mark.parametrize("comes_first", ["vectors", "end"])
@pytest.mark.parametrize("ends", ["model", "picture"])
def test_vectors_of_a_further_model_do_not_outlive_their_picture_or_their_model(
    machines: Machines, catalog: PostgresCatalog, ends: str, comes_first: str
) -> None:
    (key,) = put(catalog, 0)
    catalog.add_further_model("fine", FINE, 2)

    def end(transaction: Any) -> None:
        if ends == "model":
            transaction.drop_further_model("fine")
        else:
            transaction.remove_images([image_id(0)])

    def add(transaction: Any) -> None:
        transaction.put_model_vectors("fine", [key], np.ones((1, 2), np.float16))

    first, second = (add, end) if comes_first == "vectors" else (end, add)
    held = Held(machines.another())
    first(held.transaction)
    in_transaction(catalog, second)
    with pytest.raises(Overtaken):
        held.commit()
    assert catalog.check() == []
    assert [one.count for one in catalog.further_models()] == (
        [1] if second is add else [0] if ends == "picture" else []
    )


def test_many_writers_of_everything_leave_nothing_that_does_not_hold(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    """Whatever they do to the same pictures and paths, counts and references are right in the end."""
    import random

    def write(seed: int, one: PostgresCatalog) -> None:
        chance = random.Random(seed)
        for n in range(15):
            name, path, kind = chance.randrange(5), f"/{chance.randrange(5)}", chance.randrange(6)

            def block(transaction: Transaction) -> None:
                there = transaction.keys([image_id(name)])  # noqa: B023 - run at once, and again
                if kind == 0 or not there:  # noqa: B023
                    transaction.put_images([image(name, metadata={f"f{seed}": n})], rows(n))  # noqa: B023
                elif kind == 1:  # noqa: B023
                    transaction.remove_images([image_id(name)])  # noqa: B023
                elif kind == 2:  # noqa: B023
                    transaction.put_files([file(name, path)])  # noqa: B023
                elif kind == 3:  # noqa: B023
                    transaction.put_refused([RefusedFile(path, 1, 1, "broken", "no")])  # noqa: B023
                elif kind == 4:  # noqa: B023
                    transaction.forget_files([path])  # noqa: B023
                else:
                    transaction.forget_forever([image_id(name)])  # noqa: B023

            while True:
                try:
                    in_transaction(one, block)
                    break
                except Overtaken:
                    continue

    others = [machines.another() for _ in range(4)]
    together(*[lambda seed=seed, one=one: write(seed, one) for seed, one in enumerate(others)])  # type: ignore[misc]
    assert catalog.check() == []
    fields = {name for _, one in next(catalog.all_images(), []) for name in one.metadata}
    assert catalog.metadata_fields() == sorted(fields)


def test_more_commits_than_connections_at_a_time_all_get_through(postgres_url: str) -> None:
    places = PostgresCatalogs(postgres_url, most_connections=2)
    try:
        places.create(NAME)
        catalog = places.open(NAME)
        catalog.claim_model("m" * 64, 4)
        start = threading.Barrier(8)

        def write(n: int) -> None:
            start.wait()
            for m in range(4):
                in_transaction(catalog, lambda transaction, m=m: transaction.put_devices({f"/{n}": str(m)}))  # type: ignore[misc]

        together(*[lambda n=n: write(n) for n in range(8)])  # type: ignore[misc]
        assert len(catalog.devices()) == 1
    finally:
        places.close()
