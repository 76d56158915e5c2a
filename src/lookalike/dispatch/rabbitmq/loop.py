"""A thread with an event loop, on which all that aio-pika does runs, for callers that wait on threads of their own."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Begun when it is first needed. Safe to use from many threads.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._mutex = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing runs on it any more."""
        return self._is_closed

    def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have done what a task says that is made now, and wait for it.

        Returns:
            what it gives.
        Raises:
            asyncio.CancelledError: when the loop was closed before it was done.
        """
        with self._mutex:
            if self._is_closed:
                raise asyncio.CancelledError
            future = asyncio.run_coroutine_threadsafe(make(), self._begin())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise asyncio.CancelledError from None
        except BaseException:  # whoever waits was interrupted: nobody wants it any more
            future.cancel()
            raise

    def close(self, make_last: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Have a last task done, then end all others, and the thread. Idempotent; raises nothing."""
        with self._mutex:
            loop, thread = self._loop, self._thread
            was_closed, self._is_closed = self._is_closed, True
        if was_closed or loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end(loop, make_last()), loop)
        thread.join()

    def _begin(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = Thread(target=_run, args=(self._loop,), name=self._name, daemon=True)
            self._thread.start()
        return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


async def _end(loop: asyncio.AbstractEventLoop, last: Coroutine[Any, Any, object]) -> None:
    await asyncio.gather(last, return_exceptions=True)
    others = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await loop.shutdown_asyncgens()
    loop.call_soon(loop.stop)
