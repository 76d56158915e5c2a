"""A process that decodes, for which the last bytes of a picture say what becomes of it: a script of its own."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

from lookalike.images import decode as decoding
from lookalike.images.apart import child

POISONS = (b"crash", b"grow", b"loop", b"vanish", b"stray", b"fault", b"lie")


def decode(data: bytes, **options: Any) -> decoding.DecodedImage:
    """As the real one, unless the picture ends with a poison."""
    poison = next((one for one in POISONS if data.endswith(one)), b"")
    if poison == b"crash":
        ctypes.string_at(0)
    if poison == b"grow":
        taken = []
        while True:
            taken.append(bytearray(16_000_000))
    if poison == b"loop":
        while True:
            pass
    if poison == b"vanish":
        os.kill(os.getpid(), signal.SIGKILL)
    if poison == b"stray":
        os.write(1, b"a library has something to say\n" * 100)
    if poison == b"fault":
        raise ZeroDivisionError("a mistake of ours")
    if poison == b"lie":
        os.write(3, b"\xff" * 100)
    return decoding.decode(data, **options)


if __name__ == "__main__":
    child.decode = decode
    child.main(int(sys.argv[1]), float(sys.argv[2]))
