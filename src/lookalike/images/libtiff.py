"""Keeping libtiff quiet: it writes about damaged files straight to standard error, and Pillow has no switch for it."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import PIL


@cache
def silence_libtiff() -> None:
    """Take the error printer of the libtiff that Pillow's wheel brings away, once, for the whole process.

    Whether a decoding failed is told by its return value all the same. Where Pillow was built otherwise, no
    library is found and nothing happens.
    """
    home = Path(PIL.__file__).parent
    for path in (*home.parent.glob("pillow.libs/libtiff*"), *home.glob(".dylibs/libtiff*")):
        set_handler = ctypes.CDLL(str(path)).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_handler(None)
