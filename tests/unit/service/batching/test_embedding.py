"""Concurrent pictures are embedded together, each as if it were alone; lines are bounded and deadlines kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadQuery, DeadlineExceeded, ImageRefused, Overloaded
from lookalike.embedding.fake import FakeEmbedder
from lookalike.images.crop import Crop
from lookalike.models.store import default_model
from lookalike.search.understand import understand
from lookalike.service.batching import Embedding
from tests.collections import new_parts, png
from tests.unit.service.batching.fakes import GatedEmbedder, Seen, new_embedding
from tests.unit.small_collection import encoded, picture

A_MINUTE_MS = 60_000.0


def run(body: Coroutine[Any, Any, Any]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await body

    asyncio.run(bounded())


async def entered(embedder: GatedEmbedder) -> None:
    """Wait until the embedder has been called once more."""
    assert await asyncio.to_thread(embedder.entered.acquire, timeout=30)


async def settled(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def started(asks: list[Awaitable[Any]]) -> list[asyncio.Task[Any]]:
    return [asyncio.ensure_future(one) for one in asks]


@pytest.mark.parametrize("crop", [None, Crop(0.1, 0.2, 0.5, 0.6, relative=True)], ids=["whole", "crop"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_each_vector_is_exactly_that_of_a_search_of_the_library(batch_size: int, crop: Crop | None) -> None:
    parts = new_parts()
    files = [encoded(picture(n, side=90 + 37 * n), image_format) for n, image_format in enumerate(["JPEG", "PNG"] * 4)]

    async def body() -> None:
        embedding = new_embedding(threads=2, batch_size=batch_size, window_ms=5.0)
        results = await asyncio.gather(*[embedding.embed(one, parts.embedder, crop=crop) for one in files])
        await embedding.close()
        for data, result in zip(files, results, strict=True):
            get = parts.objects.get
            expected = understand(data, parts, models=["main"], crop=crop, for_reranking=None, stored=get)
            np.testing.assert_array_equal(result.vector, expected.query.vectors["main"][0])
            np.testing.assert_array_equal(result.pixels, expected.pixels)
        assert [(one.width, one.height) for one in results] == [(90 + 37 * n,) * 2 for n in range(8)]

    run(body())


def test_the_model_that_comes_with_the_install_gives_a_picture_the_same_vector_in_any_batch(
    tmp_path: Path,
) -> None:
    from lookalike.embedding.onnx import OnnxEmbedder

    embedder = OnnxEmbedder(default_model("int8", cache_dir=tmp_path))
    files = [encoded(picture(n, side=230 + 61 * n)) for n in range(6)]

    async def body() -> None:
        seen = Seen()
        embedding = new_embedding(batch_size=4, window_ms=20.0, observe=seen)
        alone = [await embedding.embed(one, embedder) for one in files]
        together = await asyncio.gather(*[embedding.embed(one, embedder) for one in files])
        await embedding.close()
        for one, same in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one.vector, same.vector)
        assert max(seen.batches) > 1

    run(body())


def test_a_lone_picture_goes_at_once_whatever_the_window() -> None:
    async def body() -> None:
        embedding = new_embedding(threads=2, batch_size=4, window_ms=A_MINUTE_MS)
        for _ in range(2):
            result = await embedding.embed(png(1), FakeEmbedder())
            assert result.batch == 1
        await embedding.close()

    run(body())


def test_while_others_are_under_way_a_thread_waits_for_a_whole_batch() -> None:
    async def body() -> None:
        embedding = new_embedding(threads=2, batch_size=3, window_ms=A_MINUTE_MS)
        slow, quick = GatedEmbedder(), FakeEmbedder(seed=1)
        under_way = started([embedding.embed(png(0), slow)])
        await entered(slow)
        results = await asyncio.gather(*[embedding.embed(png(n), quick) for n in range(3)])
        slow.gate.set()
        await settled(under_way)
        await embedding.close()
        assert [one.batch for one in results] == [3, 3, 3]

    run(body())


def test_a_thread_stops_waiting_when_nothing_else_is_under_way() -> None:
    async def body() -> None:
        embedding = new_embedding(threads=2, batch_size=3, window_ms=A_MINUTE_MS)
        slow, quick = GatedEmbedder(), FakeEmbedder(seed=1)
        under_way = started([embedding.embed(png(0), slow), embedding.embed(png(1), quick)])
        await entered(slow)
        slow.gate.set()
        results = await asyncio.gather(*under_way)
        await embedding.close()
        assert [one.batch for one in results] == [1, 1]

    run(body())


def test_what_waits_is_shared_out_rather_than_left_to_one_thread() -> None:
    async def body() -> None:
        embedding = new_embedding(threads=2, batch_size=8)
        gated = GatedEmbedder()
        asks = started([embedding.embed(png(n), gated) for n in range(2)])
        await entered(gated)
        await entered(gated)
        gated.gate.set()
        await settled(asks)
        await embedding.close()
        assert gated.batches == [1, 1]

    run(body())


def test_models_side_by_side_never_meet_in_a_batch_and_nobody_is_passed_by() -> None:
    async def body() -> None:
        embedding = new_embedding(batch_size=4)
        first = GatedEmbedder()
        models = [GatedEmbedder(seed=seed, open_=True) for seed in (1, 2)]
        order: list[int] = []

        async def ask(n: int, model: int) -> Any:
            result = await embedding.embed(png(n), models[model])
            order.append(n)
            return result

        under_way = started([embedding.embed(png(99), first)])
        await entered(first)
        asks = started([ask(n, model) for n, model in enumerate([0, 0, 1, 0, 1, 1])])
        while embedding.waiting < 6:
            await asyncio.sleep(0)
        first.gate.set()
        results = await asyncio.gather(*asks)
        await settled(under_way)
        await embedding.close()
        assert [one.batch for one in results] == [2, 2, 1, 1, 2, 2]
        assert order == list(range(6))
        for n, model in enumerate([0, 0, 1, 0, 1, 1]):
            expected = FakeEmbedder(seed=model + 1).embed([results[n].pixels])[0]
            np.testing.assert_array_equal(results[n].vector, expected)

    run(body())


async def behind_a_slow_one(
    embedding: Embedding,
    asks: Callable[[], list[Awaitable[Any]]],
    before_release: Callable[[list[Any]], Awaitable[None]],
) -> list[Any]:
    """What becomes of asks that come while the only thread is held up; the slow one's result is left out."""
    slow = GatedEmbedder()
    under_way = started([embedding.embed(png(0), slow)])
    await entered(slow)
    waiting = started(asks())
    await asyncio.sleep(0)
    await before_release(waiting)
    slow.gate.set()
    results = await settled(waiting)
    await settled(under_way)
    return results


async def nothing(_: list[Any]) -> None: ...


def test_a_picture_that_cannot_be_used_fails_alone() -> None:
    async def body() -> None:
        embedding = new_embedding(batch_size=8)
        quick = FakeEmbedder()
        files = [png(1), b"<html>no picture</html>", png(2), png(3)[:40], b""]
        results = await behind_a_slow_one(embedding, lambda: [embedding.embed(one, quick) for one in files], nothing)
        outside = Crop(500, 0, 10, 10, relative=False)
        with pytest.raises(BadQuery):
            await embedding.embed(png(1), quick, crop=outside)
        await embedding.close()
        assert [isinstance(one, ImageRefused) for one in results] == [False, True, False, True, True]

    run(body())


def test_one_that_fails_in_the_model_fails_alone_too() -> None:
    async def body() -> None:
        embedding = new_embedding(batch_size=8)
        white = encoded(picture(1).point(lambda _: 255), "PNG")
        picky = GatedEmbedder(open_=True, fails_on=lambda pixels: bool(pixels.min() == 255))
        files = [png(1), white, png(2)]
        results = await behind_a_slow_one(embedding, lambda: [embedding.embed(one, picky) for one in files], nothing)
        await embedding.close()
        assert [isinstance(one, ValueError) for one in results] == [False, True, False]
        assert [results[0].batch, results[2].batch] == [1, 1]

    run(body())


def test_the_line_is_bounded_and_who_is_turned_away_learns_when_to_come_again() -> None:
    async def body() -> None:
        embedding = new_embedding(waiting=2)
        quick = FakeEmbedder()

        async def look(waiting: list[Any]) -> None:
            assert embedding.waiting == 2
            assert embedding.saturated
            assert isinstance((await settled(waiting[2:]))[0], Overloaded)

        results = await behind_a_slow_one(embedding, lambda: [embedding.embed(png(n), quick) for n in range(3)], look)
        assert not embedding.saturated
        await embedding.close()
        assert [isinstance(one, Overloaded) for one in results] == [False, False, True]
        assert results[2].retry_after_s >= 1

    run(body())


def test_bytes_that_wait_are_bounded_but_one_large_picture_may() -> None:
    data = png(1)

    async def body() -> None:
        embedding = new_embedding(waiting_bytes=len(data) - 1)
        quick = FakeEmbedder()
        results = await behind_a_slow_one(embedding, lambda: [embedding.embed(data, quick) for _ in range(2)], nothing)
        await embedding.close()
        assert [isinstance(one, Overloaded) for one in results] == [False, True]

    run(body())


def test_what_has_expired_is_answered_in_time_and_never_begun() -> None:
    async def body() -> None:
        seen = Seen()
        embedding = new_embedding(observe=seen)
        quick = FakeEmbedder()

        async def look(waiting: list[Any]) -> None:
            assert isinstance((await settled(waiting))[0], DeadlineExceeded)  # while the thread is still held up
            assert embedding.waiting == 0

        soon = time.monotonic() + 0.01
        await behind_a_slow_one(embedding, lambda: [embedding.embed(png(1), quick, deadline=soon)], look)
        with pytest.raises(DeadlineExceeded):
            await embedding.embed(png(1), quick, deadline=time.monotonic() - 1)
        await embedding.close()
        assert seen.times("decode") == 1

    run(body())


def test_who_goes_away_costs_nothing_and_frees_the_place() -> None:
    async def body() -> None:
        seen = Seen()
        embedding = new_embedding(waiting=1, observe=seen)
        quick = FakeEmbedder()

        async def look(waiting: list[Any]) -> None:
            waiting[0].cancel()
            await settled(waiting)
            assert (embedding.waiting, embedding.saturated) == (0, False)

        await behind_a_slow_one(embedding, lambda: [embedding.embed(png(1), quick)], look)
        await embedding.close()
        assert seen.times("decode") == 1

    run(body())


def test_who_goes_away_during_the_work_harms_nobody() -> None:
    async def body() -> None:
        embedding = new_embedding()
        slow = GatedEmbedder()
        gone = started([embedding.embed(png(0), slow)])
        await entered(slow)
        gone[0].cancel()
        await settled(gone)
        slow.gate.set()
        assert (await embedding.embed(png(1), FakeEmbedder())).batch == 1
        await embedding.close()

    run(body())


def test_closing_finishes_what_is_under_way_and_turns_away_what_waits() -> None:
    async def body() -> None:
        embedding = new_embedding()
        slow, quick = GatedEmbedder(), FakeEmbedder()
        under_way = started([embedding.embed(png(0), slow)])
        await entered(slow)
        waiting = started([embedding.embed(png(1), quick)])
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(embedding.close())
        assert isinstance((await settled(waiting))[0], Overloaded)
        assert not closing.done()
        slow.gate.set()
        await closing
        assert (await settled(under_way))[0].batch == 1
        with pytest.raises(Overloaded):
            await embedding.embed(png(1), quick)
        await embedding.close()

    run(body())


def test_it_tells_how_long_each_stage_took_and_how_large_batches_were() -> None:
    async def body() -> None:
        seen = Seen()
        embedding = new_embedding(observe=seen)
        result = await embedding.embed(png(1), FakeEmbedder())
        await embedding.close()
        assert [name for name, _ in seen.stages] == ["wait", "decode", "embed"]
        assert seen.batches == [1]
        assert min(result.wait_ms, result.decode_ms, result.embed_ms) >= 0

    run(body())


def test_an_observer_that_fails_leaves_nobody_waiting() -> None:
    class Broken(Seen):
        def batch(self, size: int) -> None:
            raise OSError("no place for figures")

    async def body() -> None:
        embedding = new_embedding(observe=Broken())
        for _ in range(2):
            with pytest.raises(OSError, match="figures"):
                await embedding.embed(png(1), FakeEmbedder())
        await embedding.close()

    run(body())
