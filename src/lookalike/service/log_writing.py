"""Lines of the log, written by a thread of their own: a log that nobody reads stops nothing."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from typing import TextIO

MOST_LINES = 10_000
"""That wait to be written; further ones are left out and counted."""

FLUSHED_WITHIN_S = 1.0
"""How long the end of the process waits for lines to be read."""

_RETRY_S = 0.05


class AsideHandler(logging.Handler):
    """Hands lines to a thread that writes them; where that waits because nobody reads, nobody else does.

    What was left out is told as soon as lines are read again. A stream that is no file is written to at once.

    Args:
        stream: of the process, such as standard error.
        most: lines that may wait.
    """

    def __init__(self, stream: TextIO, *, most: int = MOST_LINES) -> None:
        super().__init__()
        self._stream = stream
        self._most = most
        self._changed = threading.Condition()
        self._lines: deque[str] = deque()
        self._left_out = 0
        self._is_writing = False
        self._descriptor = _descriptor(stream)
        if self._descriptor is not None:
            threading.Thread(target=self._work, name="lookalike-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; never raises, never waits for a reader."""
        try:
            line = self.format(record)
        except Exception as error:
            line = f"a line of the log could not be made: {type(error).__name__}"
        if self._descriptor is None:
            self._stream.write(line + "\n")
            return
        with self._changed:
            if len(self._lines) >= self._most:
                self._left_out += 1
                return
            self._lines.append(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._is_writing, FLUSHED_WITHIN_S)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                lines, left_out = [*self._lines], self._left_out
                self._lines.clear()
                self._left_out, self._is_writing = 0, True
            if left_out:
                lines.append(f"{left_out} lines of the log are left out, for nobody read it")
            self._write("".join(line + "\n" for line in lines).encode("utf-8", "backslashreplace"))

    def _write(self, data: bytes) -> None:
        while data and self._descriptor is not None:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # a pipe that does not wait
                time.sleep(_RETRY_S)
            except OSError:  # whoever read it is gone
                return


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
