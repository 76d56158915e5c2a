"""The process that decodes: `python -m lookalike.images.apart.child MEMORY_BYTES SECONDS`, by its standard streams.

It bounds itself: its memory by a limit of the system where that has one (Linux), and the time of each picture by an
alarm that ends it, so that it does not go on when the process that it works for is gone. It ends when its input does.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image  # before the memory is bounded: what every picture needs does not count

from lookalike.core.errors import ImageRefused
from lookalike.images.apart.wire import (
    Message,
    image_message,
    read_message,
    read_request,
    refusal_message,
    write_message,
)
from lookalike.images.decode import decode

_LONGER_BY_S = 5.0
"""The process that it works for is the first to end it, for that knows why; this holds where that one is gone."""

_MOST_BYTES = 1 << 40
"""Of a request: what may come is bounded by who sends it."""


def main(memory_bytes: int, seconds: float) -> None:
    """Decode what comes until nothing comes any more.

    Args:
        memory_bytes: that it may take beyond what it takes when it begins.
        seconds: that one picture may take.
    """
    requests, replies = _own_streams()
    faulthandler.enable()
    _bound_memory(memory_bytes)
    try:
        while (message := read_message(requests, most_bytes=_MOST_BYTES)) is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds + _LONGER_BY_S)
            write_message(replies, _reply(message))
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            del message  # or it would be kept while the next one is awaited
    except MemoryError:
        write_message(replies, Message({"exhausted": traceback.format_exc()}))


def _reply(message: Message) -> Message:
    try:
        request = read_request(message)
        return image_message(decode(request.data, min_side=request.min_side, limits=request.limits))
    except ImageRefused as error:
        return refusal_message(error)
    except MemoryError:
        raise
    except Exception:
        return Message({"failed": traceback.format_exc()})


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Where requests come from and replies go to; what a library prints goes to the errors, and is no reply."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return os.fdopen(os.dup(0), "rb"), replies


def _bound_memory(memory_bytes: int) -> None:
    Image.init()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # where memory runs out all the same, the system is to end this one and not its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(OSError, ValueError):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory_bytes, taken + memory_bytes))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
