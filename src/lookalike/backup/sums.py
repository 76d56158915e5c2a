"""What says that a backup is whole.

    SHA256SUMS    the SHA-256 and the name of each file, as `sha256sum` writes and checks them
    backup.json   {"format": 1, "lookalike", "made", "files", "size_bytes", "collections", "damaged"}

The note stands in the list, too, and tells how many others do, so that a list which was cut off is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BufferedWriter
from pathlib import Path
from typing import NamedTuple

from lookalike.core.errors import BadInput, FormatTooNew, StorageFailed
from lookalike.core.installing import upgrade_advice
from lookalike.storage.private import FILE

FORMAT = 1
NOTE, SUMS = "backup.json", "SHA256SUMS"

_MOST_BYTES = 100_000_000
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^/\\\n][^\\\n]*)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What `backup.json` tells.

    Attributes:
        lookalike: the version that made it.
        made: when, ISO 8601.
        files: how many, itself and the list not counted.
        size_bytes: of all of them.
        collections: numbers of pictures by folder.
        damaged: what was damaged before it was copied, one line each.
    """

    lookalike: str
    made: str
    files: int
    size_bytes: int
    collections: Mapping[str, int]
    damaged: Sequence[str]


class Listed(NamedTuple):
    """A file of a backup: its name, with `/`, and the SHA-256 that it had."""

    name: str
    sha256: str


def seal(folder: Path, *, version: str, collections: Mapping[str, int], damaged: Sequence[str]) -> Backup:
    """Read back all that lies in a folder, and note it there."""
    files = size_bytes = 0
    with _new_file(folder / SUMS) as sums:
        for path in _files_below(folder, but=SUMS):
            sums.write(_line(path, folder))
            files += 1
            size_bytes += path.stat().st_size
        backup = Backup(
            lookalike=version,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            files=files,
            size_bytes=size_bytes,
            collections=collections,
            damaged=damaged,
        )
        with _new_file(folder / NOTE) as note:
            note.write(json.dumps({"format": FORMAT, **asdict(backup)}, indent=1).encode() + b"\n")
        sums.write(_line(folder / NOTE, folder))
    return backup


def read_note(folder: Path) -> Backup:
    """What a backup tells of itself.

    Raises:
        BadInput: when the folder holds none, or what it tells is damaged.
        FormatTooNew: when a newer version made it.
        StorageFailed: when it cannot be read.
    """
    path = folder / NOTE
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
        if int(told.pop("format")) > FORMAT:
            raise FormatTooNew(
                f"expected a backup of this Lookalike or an older one, but {folder} "
                f"is of {told['lookalike']}: {upgrade_advice()}"
            )
        return _check_note(Backup(**told))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(
            f"expected a backup, but there is no {NOTE} in {folder}"
            "; correct the path, or make one with `lookalike backup`"
        ) from error
    except OSError as error:
        raise _not_read(path, error) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"expected a whole backup, but {path} is damaged: make another with `lookalike backup`"
        ) from error


def _check_note(backup: Backup) -> Backup:
    """A note as it was read, which anybody may have written.

    Raises:
        TypeError: when something in it is of another type.
    """
    texts = (backup.lookalike, backup.made, *backup.collections.keys(), *backup.damaged)
    counts = (backup.files, backup.size_bytes, *backup.collections.values())
    if not isinstance(backup.damaged, list) or not all(isinstance(one, str) for one in texts):
        raise TypeError("expected texts")
    if not all(type(one) is int and one >= 0 for one in counts):
        raise TypeError("expected counts")
    return backup


def _not_read(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(f"{path}: cannot be read ({error.strerror}); repair its permissions or its disk")


def list_files(folder: Path, backup: Backup) -> Iterator[Listed]:
    """The files of a backup, as they were when it was made; the note is the last.

    Raises:
        BadInput: when the list is not there or damaged.
        StorageFailed: when it cannot be read.
    """
    path = folder / SUMS
    damaged = f"{path} is missing or damaged: take another backup"
    if path.is_symlink() or not path.is_file():
        raise BadInput(damaged)
    number = -1
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines):
                found = _LINE.fullmatch(line)
                if (
                    found is None
                    or ".." in Path(found["name"]).parts
                    or (found["name"] == NOTE) != (number == backup.files)
                ):
                    raise BadInput(damaged)
                yield Listed(found["name"], found["sha256"])
    except OSError as error:
        raise _not_read(path, error) from error
    if number != backup.files:
        raise BadInput(damaged)


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(path: Path, folder: Path) -> bytes:
    return f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n".encode()


def _new_file(path: Path) -> BufferedWriter:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "wb")


def _files_below(folder: Path, *, but: str = "") -> Iterator[Path]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        elif entry.name != but:
            yield Path(entry.path)
