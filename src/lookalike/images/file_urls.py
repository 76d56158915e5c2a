"""URLs of files on this machine: `file:///home/me/a%20cat.jpg` is `/home/me/a cat.jpg`.

They are for people at this machine; the service reads none.
"""

from __future__ import annotations

import os
from urllib.parse import unquote_to_bytes, urlsplit

from lookalike.core.errors import FetchRefused


def path_of(url: str) -> str:
    """The path that a URL of a file names (RFC 8089); the file need not be there.

    Args:
        url: with no host, or `localhost`; an absolute path, percent-encoded.
    Raises:
        FetchRefused: when it names another machine, or no absolute path.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FetchRefused(f"the URL {url[:200]!r} cannot be understood; give the path of the file instead") from error
    if parts.netloc.lower() not in ("", "localhost"):
        raise FetchRefused(
            f"expected the URL of a file on this machine, such as file:///home/me/cat.jpg, got the host "
            f"{parts.netloc[:100]!r}: copy the file here, or mount its folder and give the path"
        )
    path = unquote_to_bytes(parts.path)
    if not path.startswith(b"/") or b"\0" in path:
        raise FetchRefused(
            f"expected an absolute path, such as file:///home/me/cat.jpg, got {url[:200]!r}"
            "; write three slashes before the path, or give the path alone"
        )
    return os.fsdecode(path)
