"""Watch: folders are looked at by the system, and what changes is told in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Event
from typing import Any, TypeAlias

from lookalike.core.errors import StorageFailed, needing
from lookalike.core.paths import absolute

_LOOK_AT_ROOTS_EVERY_MS = 1_000
_QUIET_FOR_MS = 100
_NOT_UTF_8 = "Unable to decode path"
"""How watchfiles ends when such a name turns up."""

_Identity: TypeAlias = tuple[int, int]


def watch(
    paths: Sequence[str | os.PathLike[str]],
    *,
    on_change: Callable[[list[str]], None],
    stop: Event,
    wanted: Callable[[str], bool] | None = None,
    debounce_ms: int = 1_600,
) -> None:
    """Tell what changes below folders until `stop` is set.

    Blocks; what changes during `on_change` is told after it. First, once the system looks, `paths` themselves are told,
    so that nothing is missed that changed before; so it is again when a folder of them has gone and come back (which is
    waited for), and when the system could not say what has changed. A batch ends when nothing has changed for 0.1 s, or
    after `debounce_ms`. Renamed files come with both of their names, deleted ones with theirs; of a folder that was
    moved or deleted perhaps its own name alone. So take each path as a place where to look, and prune.

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
    watchfiles = _watchfiles()
    roots = sorted({absolute(path) for path in paths})
    there: dict[str, _Identity | None] = dict.fromkeys(roots)

    def tell(changed: Iterable[str]) -> None:
        told = sorted({path for path in changed if wanted is None or wanted(path)})
        if told:
            on_change(told)

    while not stop.is_set():
        before, there = there, {root: _identity(root) for root in roots}
        pending = {root for root in roots if before[root] or there[root]}
        present = [root for root in roots if there[root]]
        if not present:
            tell(pending)
            stop.wait(_LOOK_AT_ROOTS_EVERY_MS / 1_000)
            continue
        for changed in _batches(watchfiles, present, stop=stop, debounce_ms=debounce_ms):
            tell({*pending, *changed})
            pending.clear()
            if any(_identity(root) != there[root] for root in roots):
                break  # the watch of a folder ends with it, and none begins by itself


def _identity(path: str) -> _Identity | None:
    """Which folder or file it is; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _batches(watchfiles: Any, roots: list[str], *, stop: Event, debounce_ms: int) -> Iterator[list[str]]:
    """Changed paths; empty batches in between, about every second. Ends where the watch has to begin anew."""
    watching = watchfiles.watch(
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
    except FileNotFoundError:  # a root has gone since it was looked at
        return
    except (OSError, RuntimeError) as error:
        if _NOT_UTF_8 in str(error):
            return
        raise StorageFailed(
            f"the system cannot watch {', '.join(roots)}: {error}; on Linux, raise fs.inotify.max_user_watches, "
            "or watch fewer folders"
        ) from error


def _watchfiles() -> Any:
    with needing("watchfiles", extra="watch", purpose="watching folders"):
        import watchfiles
    return watchfiles
