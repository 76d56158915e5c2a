"""Embedding for many at once: pictures that come at the same time are embedded together, on a few threads."""

from __future__ import annotations

import time

from lookalike.embedding.base import Embedder
from lookalike.images.crop import Crop
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.service.batching.crew import Crew
from lookalike.service.batching.line import Line, Share
from lookalike.service.batching.observer import Observer
from lookalike.service.batching.picture import EmbedAsk, Embedded, Prepared, prepare

WAITING_BYTES = 256_000_000
"""Of pictures that may wait, encoded."""

_LONGEST_DECODING_S = 0.2  # then those that were decoded wait for no others
_BATCH_PIXEL_BYTES = 64_000_000  # of crops, which are not small; one alone may have more


class Embedding:
    """Embeds pictures of many callers and models. One for a process; every method belongs on its event loop.

    Callers in turn, each in order (see `Line`). A thread takes one picture, decodes it, and takes further ones of the
    same model as long as no other thread is free for them; while others are under way it waits a moment for more.
    Nothing is shared between the pictures of a batch but the time: each has the vector that it has alone, and one that
    cannot be used fails alone.

    Args:
        threads: that decode and embed for one caller; one more is there for others.
        waiting: how many pictures may wait before others are turned away.
        waiting_bytes: and how many bytes of them.
        batch_size: how many are embedded together at most.
        window_ms: how long a thread waits for others.
        limits: what a picture may cost.
        observe: is told of stages and batches.
    """

    def __init__(
        self,
        *,
        threads: int,
        waiting: int,
        batch_size: int,
        window_ms: float,
        limits: ImageLimits = DEFAULT_LIMITS,
        observe: Observer,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self._batch_size = batch_size
        self._window_s = window_ms / 1000
        self._limits = limits
        self._observe = observe
        share = Share(caller=threads, collection=threads + 1)
        self._line = Line[EmbedAsk](
            "pictures", most=waiting, most_bytes=waiting_bytes, threads=threads + 1, share=share
        )
        self._crew = Crew("lookalike-embed", threads + 1, self._did_some)

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return self._line.waiting

    @property
    def saturated(self) -> bool:
        """Whether the next picture would be turned away."""
        return self._line.is_saturated

    async def embed(
        self, data: bytes, embedder: Embedder, *, crop: Crop | None = None, deadline: float | None = None
    ) -> Embedded:
        """Compute the vector of a picture.

        Cancelling takes the picture out of the line; where it is under way already, it is done for nothing.

        Args:
            data: the whole file.
            embedder: of the model.
            crop: the part of the picture that is meant.
            deadline: `time.monotonic()` after which the answer is of no use. It is not begun then.
        Raises:
            ImageRefused: when the picture cannot be used.
            BadQuery: when the crop lies outside of it.
            Overloaded: when too many wait, or the service stops.
            DeadlineExceeded: when it is not done in time.
            ModelUnavailable: when the model cannot be opened.
        """
        ask = EmbedAsk(data, embedder, crop, deadline=deadline)
        with self._line.standing(ask):
            return await ask.wait()

    async def close(self) -> None:
        """Turn away who waits, and wait for what is under way. Idempotent."""
        self._line.close()
        await self._crew.wait_until_done()

    def _did_some(self) -> bool:
        """Embed a batch; False once the line is closed. While the next is waited for, nothing of this one is held."""
        first = self._line.take()
        if first is None:
            return False
        taken, started = [first], time.perf_counter()
        try:
            batch = self._gather(taken)
            if batch:
                self._embed(batch)
                self._line.pace.took(time.perf_counter() - started, count=len(batch))
        except Exception as error:  # told to all who wait for it: nobody is left without an answer
            for ask in taken:
                ask.refuse(error)
        finally:
            self._line.done(taken)
        return True

    def _gather(self, taken: list[EmbedAsk]) -> list[Prepared]:
        """Decode the first, and others that can go with it, which are put behind it in `taken`."""
        embedder, begun = taken[0].embedder, time.monotonic()
        until = begun + self._window_s
        batch = self._decode(taken[0])
        while (
            batch
            and len(batch) < self._batch_size
            and sum(one.pixels.nbytes for one in batch) < _BATCH_PIXEL_BYTES
            and time.monotonic() < begun + _LONGEST_DECODING_S
        ):
            ask = self._line.take_another(lambda other: other.embedder is embedder, own=taken, until=until)
            if ask is None:
                break
            taken.append(ask)
            batch += self._decode(ask)
        return batch

    def _decode(self, ask: EmbedAsk) -> list[Prepared]:
        """The picture; nothing where nobody waits for it any more, or it cannot be used, which its asker is told."""
        if not ask.is_wanted:
            return []
        try:
            one = ask.context.run(prepare, ask, limits=self._limits)
        except Exception as error:
            ask.refuse(error)
            return []
        self._observe.stage("wait", one.wait_ms / 1000)
        self._observe.stage("decode", one.decode_ms / 1000)
        return [one]

    def _embed(self, batch: list[Prepared]) -> None:
        """Embed those that are still wanted; where that fails, one by one, so that only the one at fault does."""
        batch = [one for one in batch if one.ask.is_wanted]
        if not batch:
            return
        try:
            self._embed_together(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0].ask.refuse(error)
                return
            for one in batch:
                self._embed([one])

    def _embed_together(self, batch: list[Prepared]) -> None:
        started = time.perf_counter()
        vectors = batch[0].seeing.embed([one.pixels for one in batch])
        seconds = time.perf_counter() - started
        self._observe.stage("embed", seconds)
        self._observe.batch(len(batch))
        for one, vector in zip(batch, vectors, strict=True):
            one.ask.give(one.with_vector(vector.copy(), embed_ms=seconds * 1000, batch=len(batch)))
