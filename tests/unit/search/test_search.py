"""Answers are exact, complete, and say how they came about."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadQuery, LookalikeError, NotIndexed
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord, Metadata
from lookalike.core.vectors import normalise
from lookalike.images.crop import Crop
from lookalike.images.decode import decode
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.query import parse_query
from lookalike.search.query_vector import query_vector
from lookalike.search.reranking import Reranked
from lookalike.search.search import Query, Wanted, search
from lookalike.search.timings import Timings
from lookalike.search.understand import understand
from tests.collections import D, new_parts, open_catalog, png, write

N, K = 20, 5


def image_id(n: int) -> str:
    return f"{n:064x}"


def put(parts: Parts, numbers: Any, vectors: Any, **metadata: Any) -> None:
    images = [ImageRecord(image_id(n), 10 + n, 10, "png", n, metadata={"n": n, **metadata}) for n in numbers]
    with parts.catalog.transaction() as transaction:
        transaction.put_images(images, np.asarray(vectors, np.float16))


def remove(parts: Parts, *numbers: int) -> None:
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([image_id(n) for n in numbers])


@pytest.fixture
def vectors() -> Any:
    return normalise(np.random.default_rng(5).normal(size=(N, D)).astype(np.float32)).astype(np.float16)


@pytest.fixture(params=["memory", "sqlite"])
def parts(request: pytest.FixtureRequest, tmp_path: Path, vectors: Any) -> Parts:
    made = new_parts(tmp_path / "c" if request.param == "sqlite" else None)
    put(made, range(N), vectors)
    return made


QUERY = np.random.default_rng(6).normal(size=(1, D)).astype(np.float32)


def ask(parts: Parts, k: int = K, where: str | None = None, query: Any = QUERY) -> Reply:
    filter_ = Filter.everything() if where is None else Filter.parse(where)
    return search(Query({MAIN: query}), parts, wanted=Wanted(k=k, where=filter_), timings=Timings())


def naive(vectors: Any, numbers: Any, k: int) -> list[tuple[str, float]]:
    similarities = [
        (float(normalise(vectors[n : n + 1].astype(np.float32))[0].astype(float) @ normalise(QUERY)[0]), n)
        for n in numbers
    ]
    return [(image_id(n), s) for s, n in sorted(similarities, key=lambda pair: (-pair[0], pair[1]))[:k]]


def test_the_nearest_come_first_with_their_exact_similarity(parts: Parts, vectors: Any) -> None:
    reply = ask(parts)

    expected = naive(vectors, range(N), K)
    assert [hit.id for hit in reply.hits] == [one for one, _ in expected]
    np.testing.assert_allclose([hit.similarity for hit in reply.hits], [s for _, s in expected], atol=1e-6)
    assert [hit.rank for hit in reply.hits] == [1, 2, 3, 4, 5]
    assert (reply.exact, reply.scanned, reply.total_matching, reply.plan) == (True, N, N, "exact")
    assert reply.model == parts.catalog.model_id
    assert reply.index.count == N
    assert reply.index.cursor == parts.catalog.cursor()


def test_more_than_there_are_gives_all_that_there_are(parts: Parts) -> None:
    assert len(ask(parts, k=10**9).hits) == N


def test_an_empty_collection_has_no_hits() -> None:
    reply = ask(new_parts())

    assert (reply.hits, reply.total_matching, reply.exact) == ((), 0, True)


@pytest.mark.parametrize("k", [0, -1])
def test_k_is_at_least_1(parts: Parts, k: int) -> None:
    with pytest.raises(BadQuery, match="at least 1"):
        ask(parts, k=k)


def test_a_filter_gives_exactly_k_if_k_pass_else_all_that_do(parts: Parts, vectors: Any) -> None:
    for where, numbers in [("n < 7", range(7)), ("n in (3, 15)", (3, 15)), ("n = 99", ())]:
        reply = ask(parts, where=where)
        expected = naive(vectors, numbers, K)
        assert [hit.id for hit in reply.hits] == [one for one, _ in expected]
        assert reply.total_matching == len(tuple(numbers))
        assert reply.plan == f"exact over the {len(tuple(numbers))} pictures that pass the filter"


def test_equal_pictures_tie_in_the_order_in_which_they_came(parts: Parts) -> None:
    put(parts, range(100, 110), np.repeat(QUERY / 5, 10, axis=0))

    reply = ask(parts, k=7)

    assert [hit.id for hit in reply.hits] == [image_id(n) for n in range(100, 107)]
    assert {hit.similarity for hit in reply.hits} == {reply.hits[0].similarity}
    assert reply.hits[0].similarity == pytest.approx(1, abs=1e-3)


def test_a_removed_picture_is_never_answered(parts: Parts, vectors: Any) -> None:
    ask(parts)
    best = int(naive(vectors, range(N), 1)[0][0], 16)
    remove(parts, best)

    assert [hit.id for hit in ask(parts, k=N).hits] == [
        one for one, _ in naive(vectors, [n for n in range(N) if n != best], N)
    ]
    put(parts, [best], vectors[best : best + 1])
    assert ask(parts).hits[0].id == image_id(best)


def test_what_is_removed_between_index_and_catalog_is_replaced_by_the_next_best(
    parts: Parts, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parts.view.search
    order = [int(one, 16) for one, _ in naive(vectors, range(N), N)]
    waiting = order[:2]

    def overtaken(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        if waiting:
            remove(parts, waiting.pop(0))
        return found

    monkeypatch.setattr(parts.view, "search", overtaken)

    assert [hit.id for hit in ask(parts).hits] == [image_id(n) for n in order[2 : 2 + K]]


def test_a_collection_that_never_holds_still_ends_the_search_with_an_error(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parts.view.search

    def overtaken(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        key = int(found.keys[0][0])
        with parts.catalog.transaction() as transaction:
            transaction.remove_images([parts.catalog.ids([key])[key]])
        return found

    monkeypatch.setattr(parts.view, "search", overtaken)

    with pytest.raises(LookalikeError, match="search again"):
        ask(parts)


def test_answers_are_whole_while_pictures_come_and_go(parts: Parts, vectors: Any) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def change() -> None:
        n = 0
        while not stop.is_set():
            remove(parts, n % 5)
            put(parts, [n % 5], vectors[n % 5 : n % 5 + 1])
            n += 1

    def ask_again() -> None:
        try:
            for _ in range(15):
                reply = ask(parts, k=10)
                assert len(reply.hits) == 10
                assert len({hit.id for hit in reply.hits}) == 10
        except LookalikeError as error:
            if "search again" not in str(error):
                errors.append(error)
        except BaseException as error:
            errors.append(error)

    changing = threading.Thread(target=change)
    asking = [threading.Thread(target=ask_again) for _ in range(3)]
    for thread in (changing, *asking):
        thread.start()
    for thread in asking:
        thread.join()
    stop.set()
    changing.join()

    assert errors == []


def test_the_timings_have_names_and_a_total(parts: Parts) -> None:
    timings = ask(parts).timings_ms

    assert set(timings) == {"refresh", "cache", "filter", "search", "fetch", "total"}
    assert all(ms >= 0 for ms in timings.values())
    assert timings["total"] >= max(timings.values())


def test_a_hit_says_all_about_its_picture(tmp_path: Path) -> None:
    parts = new_parts()
    for name in ("b/1.png", "a/1.png", "c/1.png"):
        write(tmp_path / name, 1)
    labels: dict[str, Metadata] = {str(tmp_path / "a/1.png"): {"label": "x"}}
    ingest([tmp_path], parts, options=IngestOptions(), metadata=labels)

    (hit,) = ask(parts).hits

    assert hit.path == str(tmp_path / "a/1.png")
    assert (hit.copies, hit.metadata, hit.width, hit.height) == (2, {"label": "x"}, 12, 8)
    assert (hit.format, hit.size_bytes, hit.taken_at, hit.camera) == ("png", len(png(1)), None, None)
    assert type(hit.similarity) is float


def test_the_path_of_a_hit_is_one_that_passes_the_filter(tmp_path: Path) -> None:
    parts = new_parts()
    for name in ("a/1.png", "b/1.png", "b/2.png"):
        write(tmp_path / name, 1)
    ingest([tmp_path], parts, options=IngestOptions())

    (hit,) = ask(parts, where=f"folder = {tmp_path / 'b'}").hits

    assert (hit.path, hit.copies) == (str(tmp_path / "b/1.png"), 2)


def fetch_nothing(source: str) -> bytes:
    raise AssertionError(f"{source} was fetched")


def vector_of(text: str, parts: Parts, *, fetch: Any = fetch_nothing) -> Any:
    return query_vector(parse_query(text), parts, model=MAIN, fetch=fetch)


def test_an_id_or_its_beginning_stands_for_the_stored_vector() -> None:
    parts = new_parts()
    whole = "ab" * 32
    with parts.catalog.transaction() as transaction:
        transaction.put_images(
            [ImageRecord(one, 1, 1, "png", 1) for one in (whole, "abababab" + "c" * 56, "d" * 64)],
            np.eye(3, D, dtype=np.float16) * 2,
        )

    np.testing.assert_array_equal(vector_of(whole, parts), np.eye(1, D))
    np.testing.assert_array_equal(vector_of("dddddddd", parts), np.eye(3, D)[2:])
    with pytest.raises(NotIndexed, match="several pictures"):
        vector_of("abababab", parts)
    with pytest.raises(NotIndexed, match="no picture"):
        vector_of("eeeeeeee", parts)


def test_an_expression_is_the_weighted_sum_of_its_pictures(
    parts: Parts, vectors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.png", 1)
    fetched = {"http://host/b.png": png(2), "-": png(3)}

    combined = vector_of(f"2*a.png - 0.5*http://host/b.png + - - {image_id(4)}", parts, fetch=fetched.__getitem__)

    side = parts.embedder.card.input_side
    a, b, c = (parts.embedder.embed([decode(png(n), min_side=side).pixels]) for n in (1, 2, 3))
    stored = normalise(vectors[4:5].astype(np.float32))
    np.testing.assert_allclose(combined, normalise(2 * a - 0.5 * b + c - stored), atol=1e-6)
    assert combined.dtype == np.float32


def test_a_crop_of_several_pictures_or_of_an_id_is_refused(parts: Parts) -> None:
    for text in (image_id(1), f"{image_id(1)} + {image_id(2)}"):
        with pytest.raises(BadQuery, match="a crop needs"):
            understand(
                text,
                parts,
                models=[MAIN],
                crop=Crop(0, 0, 1, 1, relative=True),
                for_reranking=None,
                stored=fetch_nothing,
            )


# Recall, groups, second reranked


def ask_for(parts: Parts, wanted: Wanted, query: Any = QUERY, *, pixels: Any = None) -> Reply:
    return search(Query({MAIN: query}, pixels), parts, wanted=wanted, timings=Timings())


@pytest.mark.parametrize("recall", [0.0, -0.5, 1.5, float("nan")])
def test_a_recall_is_a_share(parts: Parts, recall: float) -> None:
    with pytest.raises(BadQuery, match="recall above 0"):
        ask_for(parts, Wanted(recall=recall))


def numbers(reply: Reply) -> list[int]:
    return [int(hit.id, 16) for hit in reply.hits]


def test_groups_count_once_and_name_their_others(parts: Parts, vectors: Any) -> None:
    best = int(naive(vectors, range(N), 1)[0][0], 16)
    put(parts, range(100, 130), np.repeat(vectors[best : best + 1], 30, axis=0))
    reply = ask_for(parts, Wanted(k=K, grouped=True))
    assert numbers(reply) == [int(one, 16) for one, _ in naive(vectors, range(N), K)]
    assert reply.hits[0].group == tuple(image_id(n) for n in range(100, 130))
    assert {hit.group for hit in reply.hits[1:]} == {()}
    assert (reply.plan, reply.exact, reply.total_matching) == ("exact, one of each group", True, N + 30)


def test_in_a_group_only_those_that_pass_the_filter_are_named(parts: Parts, vectors: Any) -> None:
    put(parts, range(100, 104), np.repeat(vectors[3:4], 4, axis=0))
    where = Filter.parse("n in (101, 103, 5)")
    reply = ask_for(parts, Wanted(k=9, grouped=True, where=where), query=vectors[3:4].astype(np.float32))
    assert numbers(reply) == [101, 5]
    assert reply.hits[0].group == (image_id(103),)
    assert reply.plan == "exact over the 3 pictures that pass the filter, one of each group"


def test_a_removed_member_of_a_group_is_never_named_again(parts: Parts, vectors: Any) -> None:
    put(parts, range(100, 103), np.repeat(vectors[3:4], 3, axis=0))
    query = vectors[3:4].astype(np.float32)
    assert len(ask_for(parts, Wanted(k=1, grouped=True), query=query).hits[0].group) == 3
    remove(parts, 3, 101)
    (hit,) = ask_for(parts, Wanted(k=1, grouped=True), query=query).hits
    assert (hit.id, hit.group) == (image_id(100), (image_id(102),))


class Backwards:
    """Reranking that likes the last best, and cannot compare every third."""

    name = "the test"
    depth = 8
    unknown = 0.0

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def rerank(self, query: Any, ids: Any) -> list[Reranked]:
        self.asked.append(list(ids))
        return [Reranked(None if n % 3 == 2 else n / 10, f"seen at {n}") for n in range(len(ids))]


PIXELS = np.zeros((4, 4, 3), np.uint8)


def test_a_second_opinion_looks_deeper_than_k_and_orders_what_it_could_compare(parts: Parts, vectors: Any) -> None:
    first = [int(one, 16) for one, _ in naive(vectors, range(N), 8)]
    rerank = Backwards()
    reply = ask_for(parts, Wanted(k=K, rerank=rerank), pixels=PIXELS)
    assert rerank.asked == [[image_id(n) for n in first]]
    assert numbers(reply) == [first[n] for n in (7, 6, 4, 3, 1)]
    assert [(hit.rerank_similarity, hit.reason) for hit in reply.hits[:2]] == [(0.7, "seen at 7"), (0.6, "seen at 6")]
    assert [hit.rank for hit in reply.hits] == [1, 2, 3, 4, 5]
    assert reply.plan == "exact, the best 8 looked at again by the test"
    assert "rerank" in reply.timings_ms
    everything = ask_for(parts, Wanted(k=N, rerank=rerank), pixels=PIXELS)
    assert rerank.asked[-1] == rerank.asked[0]
    assert numbers(everything)[8:] == [int(one, 16) for one, _ in naive(vectors, range(N), N)][8:]
    assert {(hit.rerank_similarity, hit.reason) for hit in everything.hits[8:]} == {(None, "")}
    assert everything.plan == reply.plan


def test_who_asks_for_more_finds_what_they_had_in_its_order(parts: Parts) -> None:
    """So that pages, each the end of a longer answer, repeat and leave out nothing."""
    everything = numbers(ask_for(parts, Wanted(k=N, rerank=Backwards()), pixels=PIXELS))
    assert sorted(everything) == list(range(N))
    for k in range(1, N):
        assert numbers(ask_for(parts, Wanted(k=k, rerank=Backwards()), pixels=PIXELS)) == everything[:k]


def test_a_second_opinion_is_asked_again_each_time_and_needs_a_picture(parts: Parts) -> None:
    rerank = Backwards()
    for _ in range(2):
        assert not ask_for(parts, Wanted(rerank=rerank), pixels=PIXELS).cached
    assert len(rerank.asked) == 2
    with pytest.raises(BadQuery, match="one picture"):
        ask_for(parts, Wanted(rerank=rerank))


def test_what_is_removed_before_its_second_opinion_is_replaced(parts: Parts, vectors: Any) -> None:
    order = [int(one, 16) for one, _ in naive(vectors, range(N), N)]

    class Removing(Backwards):
        def rerank(self, query: Any, ids: Any) -> list[Reranked]:
            if not self.asked:
                remove(parts, *order[:3])
            return [rerank._replace(similarity=1.0) for rerank in super().rerank(query, ids)]

    assert numbers(ask_for(parts, Wanted(k=K, rerank=Removing()), pixels=PIXELS)) == order[3 : 3 + K]


# The cache


def test_the_same_question_is_answered_again_without_a_look_at_the_index(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(parts)
    for name in ("refresh", "search"):
        monkeypatch.setattr(parts.view, name, lambda *_, **__: pytest.fail("looked at"))
    again = ask(parts)
    assert (first.cached, again.cached) == (False, True)
    assert replace(again, cached=False, timings_ms=first.timings_ms) == first
    assert set(again.timings_ms) == {"cache", "total"}


def test_another_question_is_another_answer(parts: Parts, vectors: Any) -> None:
    ask(parts)
    assert ask(parts).cached
    for reply in (
        ask(parts, k=K + 1),
        ask(parts, where="n < 7"),
        ask(parts, query=-QUERY),
        ask_for(parts, Wanted(k=K, recall=1.0)),
        ask_for(parts, Wanted(k=K, grouped=True)),
    ):
        assert not reply.cached
    assert numbers(ask(parts, where="n < 7")) == [int(one, 16) for one, _ in naive(vectors, range(7), K)]


def file_of(n: int, name: str) -> FileRecord:
    return FileRecord(f"/photos/{name}.png", image_id(n), 10, 1)


@pytest.mark.parametrize("by", ["the same", "another"])
@pytest.mark.parametrize("change", ["add", "remove", "replace", "label", "put a file", "forget a file"])
def test_no_change_is_ever_hidden_by_the_cache(tmp_path: Path, vectors: Any, change: str, by: str) -> None:
    parts = new_parts(tmp_path)
    put(parts, range(N), vectors)
    best = int(naive(vectors, range(N), 1)[0][0], 16)
    with parts.catalog.transaction() as transaction:
        transaction.put_files([file_of(best, "old")])
    before = ask(parts)
    assert ask(parts).cached
    writer = parts.catalog if by == "the same" else open_catalog(tmp_path / "catalog.sqlite")
    unit = normalise(QUERY).astype(np.float16)
    with writer.transaction() as transaction:
        if change == "add":
            transaction.put_images([ImageRecord(image_id(500), 1, 1, "png", 1)], unit)
        elif change == "remove":
            transaction.remove_images([image_id(best)])
        elif change == "replace":
            transaction.put_images([ImageRecord(image_id(best), 1, 1, "png", 1)], -unit)
        elif change == "label":
            transaction.merge_metadata({image_id(best): {"label": "new"}})
        elif change == "put a file":
            transaction.put_files([file_of(best, "new")])
        else:
            transaction.forget_files(["/photos/old.png"])
    after = ask(parts)
    assert not after.cached
    assert after.hits != before.hits
    expected = {
        "add": lambda: after.hits[0].id == image_id(500),
        "remove": lambda: image_id(best) not in {hit.id for hit in after.hits},
        "replace": lambda: after.hits[0].id != image_id(best),
        "label": lambda: after.hits[0].metadata["label"] == "new",
        "put a file": lambda: after.hits[0].copies == 1,
        "forget a file": lambda: after.hits[0].path is None,
    }
    assert expected[change]()
    assert ask(parts).cached
    assert ask(parts).hits == after.hits
    writer.close()


def test_an_answer_by_an_index_that_is_behind_is_not_kept(vectors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = new_parts()
    put(parts, range(N), vectors)
    ask(parts)
    monkeypatch.setattr("lookalike.search.search.PATIENCE_S", 0.01)
    nearest = normalise(QUERY).astype(np.float16)
    with parts.catalog.transaction() as transaction:
        transaction.put_images([ImageRecord(image_id(500), 1, 1, "png", 1)], nearest)

    with parts.view._following:  # as while another takes in very much
        behind = ask(parts)
    then = ask(parts)

    assert image_id(500) not in [hit.id for hit in behind.hits]
    assert (then.hits[0].id, then.cached) == (image_id(500), False)


def test_a_commit_that_comes_just_after_the_refresh_is_not_hidden_by_the_answer_without_it(
    tmp_path: Path, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = new_parts(tmp_path)
    put(parts, range(N), vectors)
    other = open_catalog(tmp_path / "catalog.sqlite")
    real = parts.view.refresh
    waiting = [np.float16(1) * normalise(QUERY).astype(np.float16)]

    def overtaken(**_: Any) -> bool:
        is_current = real()
        if waiting:
            with other.transaction() as transaction:
                transaction.put_images([ImageRecord(image_id(500), 1, 1, "png", 1)], waiting.pop())
        return is_current

    monkeypatch.setattr(parts.view, "refresh", overtaken)
    ask(parts)
    assert ask(parts).hits[0].id == image_id(500)
    other.close()


def test_an_index_made_anew_answers_anew(parts: Parts) -> None:
    ask(parts)
    parts.view.rebuild()
    assert not ask(parts).cached
    assert ask(parts).cached


def test_who_changes_an_answer_changes_no_other(parts: Parts) -> None:
    put(parts, range(N), np.eye(N, D), nested={"list": [1, {"deep": 2}]})
    for _ in range(3):
        reply = ask(parts)
        for hit in reply.hits:
            assert hit.metadata == {"n": int(hit.id, 16), "nested": {"list": [1, {"deep": 2}]}}
            nested: Any = hit.metadata["nested"]
            nested["list"][1]["deep"] = "changed"
            nested["list"].append("more")
            hit.metadata["n"] = "changed"
        reply.timings_ms.clear()
    assert ask(parts).cached
    assert ask(parts).timings_ms


def test_the_cache_stays_within_its_bytes(parts: Parts) -> None:
    for n in range(1200):
        ask(parts, query=QUERY + n)
    facts = parts.answers.facts()
    assert facts.evicted > 0
    assert facts.size_bytes <= facts.max_bytes
