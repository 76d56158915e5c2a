"""A folder that bears its name once it is whole."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.core.errors import StorageFailed, WouldOverwrite
from lookalike.core.private import make_private
from lookalike.pipelines.walk import absolute


@contextmanager
def arriving(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to fill, beside the one that it becomes when the block ends; durable then, gone when the block raises.

    Args:
        folder: that is not there yet, or empty.
    Raises:
        WouldOverwrite: when something is there, or it is where a disk is mounted.
        StorageFailed: when the disk is full or fails.
    """
    target = Path(absolute(folder))
    if os.path.lexists(target) and not _is_empty_folder(target):
        raise WouldOverwrite(f"expected a new folder, but {target} is there: name another, or move it away")
    if os.path.ismount(target):  # nothing can take its place
        raise WouldOverwrite(f"expected a new folder, but a disk is mounted at {target}: name a folder in it")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        make_private(part)
        yield part
        os.sync()  # once for all of the files, of which there may be millions
        part.replace(target)
        os.sync()
    except OSError as error:
        raise StorageFailed(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(part)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())
