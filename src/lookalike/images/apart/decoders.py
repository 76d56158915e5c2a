"""Some processes that decode, and what becomes of one that a picture brings down."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from lookalike.core.errors import DecoderDied, Interrupted, ServiceDown
from lookalike.images.apart.wire import (
    BadReply,
    Message,
    Request,
    read_image,
    read_message,
    request_message,
    write_message,
)
from lookalike.images.decode import DecodedImage
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits

PROGRAM: Sequence[str] = (sys.executable, "-P", "-m", "lookalike.images.apart.child")

_LONGEST_TRACE = 8_000


class DecoderProcesses:
    """Decodes as `lookalike.images.decode.decode` does, in processes of its own. Safe to use from many threads.

    A process is begun when it is first needed and serves one picture after another. One that crashes, takes too much
    memory or does not end is killed, and the next picture has a new one.

    Args:
        count: pictures that are decoded at once; further ones wait.
        memory_bytes: that decoding one may take. Held on Linux, where the system has a limit for that.
        timeout_s: how long one may take, in seconds.
        program: what such a process runs; it is told the last two.
    """

    def __init__(
        self, *, count: int, memory_bytes: int, timeout_s: float, program: Sequence[str] | None = None
    ) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_s = timeout_s
        self._command = [*(PROGRAM if program is None else program), str(memory_bytes), str(timeout_s)]
        self._slots: queue.LifoQueue[_Decoder | None] = queue.LifoQueue()  # so that few pictures need few processes
        for _ in range(count):
            self._slots.put(None)
        self._mutex = threading.Lock()
        self._running: set[_Decoder] = set()
        self._is_closed = False

    def decode(self, data: bytes, *, min_side: int | None = 224, limits: ImageLimits = DEFAULT_LIMITS) -> DecodedImage:
        """Decode a picture; see `lookalike.images.decode.decode`.

        Raises:
            ImageRefused: as there.
            DecoderDied: when its process did not survive it.
            ServiceDown: when none can be started.
            Interrupted: when this was closed before it was decoded.
        """
        decoder = self._take()
        try:
            decoder = decoder or self._begin()
            return decoder.decode(Request(data, min_side, limits), timeout_s=self._timeout_s)
        except _Ended as ended:
            if self._is_closed:
                raise Interrupted("the picture was not decoded, for the decoders were stopped: try again") from None
            self._let_go(decoder)
            decoder = None
            raise self._tell_death(ended) from ended
        finally:
            if self._is_closed:
                self._let_go(decoder)
                decoder = None
            self._slots.put(decoder)

    def close(self) -> None:
        """Kill all processes; what is being decoded comes to nothing. Idempotent."""
        with self._mutex:
            self._is_closed = True
            running = list(self._running)
        for decoder in running:
            decoder.kill()
        idle = []
        with suppress(queue.Empty):  # those that decode let go of their processes themselves
            while True:
                idle.append(self._slots.get_nowait())
        for one in idle:
            self._let_go(one)
            self._slots.put(None)  # for whoever waits, and is told that it was stopped

    def pids(self) -> list[int]:
        """Of the processes that live now."""
        with self._mutex:
            return [decoder.pid for decoder in self._running if not decoder.has_ended]

    def _take(self) -> _Decoder | None:
        """One that decodes no other picture; None where one is to be begun."""
        decoder = self._slots.get()
        if decoder is None or not decoder.has_ended:
            return decoder
        self._let_go(decoder)
        return None

    def _begin(self) -> _Decoder:
        with self._mutex:
            if self._is_closed:
                raise _Ended("was stopped")
            try:
                decoder = _Decoder(self._command)
            except OSError as error:  # says nothing of the picture
                raise ServiceDown(
                    f"expected a process that decodes pictures to start, but it could not ({error}): free memory or "
                    "processes, or look whether Python is where it was"
                ) from error
            self._running.add(decoder)
            return decoder

    def _let_go(self, decoder: _Decoder | None) -> None:
        if decoder is not None:
            decoder.close()
            with self._mutex:
                self._running.discard(decoder)

    def _tell_death(self, ended: _Ended) -> DecoderDied:
        most = f"within {self._timeout_s:g} s and {self._memory_bytes:,} bytes of memory"
        error = DecoderDied(
            f"expected the picture to be decoded {most}, but its decoder {ended.how}: "
            "open it in an editor and save it anew, or leave it out"
        )
        if ended.trace:
            error.add_note(ended.trace)
        return error


class _Ended(Exception):
    """A process that did not survive: how it ended, and what it said last."""

    def __init__(self, how: str, trace: str = "") -> None:
        super().__init__(how)
        self.how, self.trace = how, trace


class _Decoder:
    """One process. Used by one thread at a time, but for `kill`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,  # Ctrl-C is for the process that it works for
            )
        except OSError:
            self._said.close()
            raise
        self._mutex = threading.Lock()
        self._in_hand: Request | None = None
        self._is_late = False

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it can decode nothing any more."""
        return self._is_late or self._process.poll() is not None

    def decode(self, request: Request, *, timeout_s: float) -> DecodedImage:
        """Have a picture decoded.

        Raises:
            ImageRefused: when it is refused.
            _Ended: when the process did not survive it, or is not to be used any more.
        """
        self._in_hand = request
        alarm = threading.Timer(timeout_s, self._kill_late, [request])
        alarm.daemon = True
        alarm.start()
        try:
            reply = self._ask(request)
        except BadReply as error:
            raise _Ended(f"said what makes no sense ({error})") from error
        finally:
            alarm.cancel()
            with self._mutex:  # from here on the alarm kills nothing
                self._in_hand = None
        if reply is None:
            raise _Ended("did not end in time" if self._is_late else self._how(), self._trace())
        for key, how in (("exhausted", "ran out of memory"), ("failed", "failed")):
            if key in reply.head:
                raise _Ended(how, str(reply.head[key]))
        try:
            return read_image(reply)
        except BadReply as error:
            raise _Ended(f"said what makes no sense ({error})") from error

    def kill(self) -> None:
        """End it, from whatever thread. Idempotent."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Kill it, and let go of its streams."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None  # they are pipes  # noqa: S101
            with suppress(BrokenPipeError):  # what it has not read
                stream.close()

    def _kill_late(self, request: Request) -> None:
        with self._mutex:
            if self._in_hand is request:
                self._is_late = True
                self._process.kill()

    def _ask(self, request: Request) -> Message | None:
        process = self._process
        assert process.stdin is not None  # they are pipes  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError):  # it may have said why
            write_message(process.stdin, request_message(request))
        return read_message(process.stdout, most_bytes=3 * request.limits.max_pixels)

    def _how(self) -> str:
        """How it ended by itself."""
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "was killed, perhaps because the system ran out of memory"
        if code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"ended with {code}"

    def _trace(self) -> str:
        """What it said last, such as where it crashed."""
        end = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, end - _LONGEST_TRACE))
        return self._said.read().decode("utf-8", "replace")
