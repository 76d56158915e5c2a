"""Watch: folders are looked at by the system, and what changes is told in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

from lookalike.core.errors import MissingExtra, StorageFailed
from lookalike.pipelines.walk import absolute

_LOOK_AT_ROOTS_EVERY_MS = 1_000
_QUIET_FOR_MS = 100


def watch(
    paths: Sequence[str | os.PathLike[str]],
    *,
    on_change: Callable[[list[str]], None],
    stop: Event,
    wanted: Callable[[str], bool] | None = None,
    debounce_ms: int = 1_600,
) -> None:
    """Tell what changes below folders until `stop` is set.

    Blocks; what changes during `on_change` is told after it. A batch ends when nothing has changed for 0.1 s, or after
    `debounce_ms`. Renamed files come with both of their names, deleted ones with theirs; of a folder that was moved or
    deleted perhaps its own name alone. So take each path as a place where to look, and prune. A folder of `paths` that
    vanishes is waited for; that it has gone or come (back) is told as a change of itself.

    Args:
        paths: folders and files; those that are not there yet are waited for.
        on_change: called on the calling thread with absolute paths, sorted, each once.
        stop: ends the watch within about a second.
        wanted: paths of which it is False are passed over, such as those of the collection's own folder.
        debounce_ms: how long changes are gathered at most, in milliseconds.
    Raises:
        MissingExtra: when watchfiles is not installed.
        StorageFailed: when the system cannot watch so many folders.
    """
    roots = sorted({absolute(path) for path in paths})
    before: dict[str, tuple[int, int] | None] | None = None
    while not stop.is_set():
        there = _identities(roots)
        if before is not None and there != before:
            on_change([root for root in roots if there[root] != before[root]])
        before = there
        present = [root for root in roots if there[root] is not None]
        if not present:
            stop.wait(_LOOK_AT_ROOTS_EVERY_MS / 1_000)
            continue
        for changed in _batches(present, stop=stop, debounce_ms=debounce_ms):
            told = sorted({path for path in map(_place, changed) if wanted is None or wanted(path)})
            if told:
                on_change(told)
            if _identities(roots) != there:  # the watch of a folder ends with it, and none begins by itself
                break


def _identities(roots: list[str]) -> dict[str, tuple[int, int] | None]:
    """By path, which folder or file it is; None where it is not there."""
    return {root: _identity(root) for root in roots}


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _batches(roots: list[str], *, stop: Event, debounce_ms: int) -> Iterator[list[str]]:
    """Changed paths; empty batches in between, about every second."""
    watching = _watchfiles().watch(
        *roots,
        watch_filter=None,
        debounce=debounce_ms,
        step=_QUIET_FOR_MS,
        stop_event=stop,
        rust_timeout=_LOOK_AT_ROOTS_EVERY_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    try:
        for changes in watching:
            yield [path for _, path in changes]
    except FileNotFoundError:  # a root has gone since it was looked at; the caller looks again
        return
    except (OSError, RuntimeError) as error:
        raise StorageFailed(
            f"the system cannot watch {', '.join(roots)}: {error}; on Linux, raise fs.inotify.max_user_watches, "
            "or watch fewer folders"
        ) from error


def _place(path: str) -> str:
    """Where to look: names that are not UTF-8 come garbled, so that their folder is told in their place."""
    return os.path.dirname(path) if "\ufffd" in path else path


def _watchfiles() -> Any:
    try:
        import watchfiles
    except ImportError as error:
        raise MissingExtra("watchfiles", extra="watch", purpose="watching folders") from error
    return watchfiles
