"""Files that we write where the user says: whole or not at all, and never in the place of what we did not make.

One guard for all writers. A file that is there already is replaced only where it is empty or carries the mark of the
same kind of output, so that the same command can be given twice. What may not be replaced whatever it carries (a
picture of the collection, the query, an input) its owner names by a `Precious`. Files are compared by what they are,
not by how they are spelled. Through a link, nothing is written: it is the user's, and may lead anywhere.

What a process that was killed has left beside an output, `.<name>.<8 hexadecimal digits>.part`, is swept away by who
next writes an output of that name, a day later.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lookalike.core.errors import BadInput, StorageFailed, WouldOverwrite
from lookalike.storage.whole_file import part_of, put_in_place, sweep_parts

_IS_FULL = (errno.ENOSPC, errno.EDQUOT)
_HEAD_BYTES = 4_096
_TAIL_BYTES = 65_536  # Parquet and ONNX keep what was noted about a file at its end

StrPath: TypeAlias = str | os.PathLike[str]

Precious: TypeAlias = Callable[[Path], str | None]
"""What a file that is there is, such as `the query`, where no output may take its place; None for any other."""


@dataclass(frozen=True, slots=True)
class OutputKind:
    """A kind of file that we write.

    Attributes:
        what: for messages, with its article: `a contact sheet`.
        endings: of such files' names, in small letters: `.jpg`.
        marks: bytes of which each such file has one, in its first 4 KiB or its last 64 KiB, and no other file has.
        unmarked: endings of those whose form has no place for a mark: they replace nothing but an empty file.
    """

    what: str
    endings: tuple[str, ...]
    marks: tuple[bytes, ...]
    unmarked: tuple[str, ...] = ()


def is_ours_by_mark(_path: Path) -> str | None:
    """Where the mark alone decides."""
    return None


def inputs_are_precious(inputs: Iterable[StrPath], *, what: str) -> Precious:
    """Files from which an output is made, by whatever name: links and hard links to them count.

    Args:
        inputs: their paths.
        what: such as `the query`.
    """
    paths = [os.path.expanduser(os.fspath(path)) for path in inputs]
    return lambda target: what if any(_same(path, target) for path in paths) else None


def either(*some: Precious) -> Precious:
    """The first that says something."""
    return lambda target: next((what for one in some if (what := one(target)) is not None), None)


def check_output(path: StrPath, *, kind: OutputKind, precious: Precious = is_ours_by_mark, force: bool = False) -> Path:
    """Refuse an output that could not or must not be written, before anything is computed for it.

    Args:
        path: where it is to go; `~` is the home folder.
        kind: what it is.
        precious: what must not be replaced though it may carry the mark.
        force: replace whatever file is there.
    Returns:
        the file that would be written: absolute, links on the way followed.
    Raises:
        BadInput: when the name ends in something else, or can be none.
        WouldOverwrite: when something else is there, or a link, wherever it leads.
        StorageFailed: when its folder is not there, it is a folder itself, or it cannot be looked at.
    """
    spelled = os.path.expanduser(os.fspath(path))
    if os.path.splitext(spelled)[1].lower() not in kind.endings:
        endings = _list_endings(kind.endings)
        raise BadInput(
            f"expected {kind.what} to end in {endings}, got {os.path.basename(spelled)!r}"
            "; rename it, for the ending says what is written"
        )
    try:
        target = Path(os.path.realpath(spelled))
        status = target.stat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise StorageFailed(
                f"{path}: cannot be written: there is no folder {target.parent}; make it first"
            ) from None
        if os.path.islink(spelled) and not force:
            raise _stays(path, f"a link to {target}, where nothing is") from None
        return target
    except ValueError as error:
        raise BadInput(f"expected the path of {kind.what}, got {path!r}: {error}; correct the name") from error
    except OSError as error:
        raise _write_error(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise StorageFailed(f"{path}: cannot be written: it is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise StorageFailed(f"{path}: cannot be written: it is no regular file; choose a path where nothing is")
    if force:
        return target
    link = f"a link to {target}" if os.path.islink(spelled) else None
    if (what := precious(target) or _describe_other(target, kind, status.st_size) or link) is not None:
        raise _stays(path, what)
    return target


@contextmanager
def replacing(
    path: StrPath, *, kind: OutputKind, precious: Precious = is_ours_by_mark, force: bool = False
) -> Iterator[Path]:
    """A file beside `path` to write to; it takes its place when the block ends, and is deleted when that raises.

    Arguments and errors are those of `check_output`. What is there is looked at again at the end. Who needs another
    file beside it calls it `beside(part)`, and deletes it.

    Raises:
        StorageFailed: also for every OSError of the block.
    """
    target = check_output(path, kind=kind, precious=precious, force=force)
    sweep_parts(target)
    part = part_of(target)
    try:
        yield part
        check_output(target, kind=kind, precious=precious, force=force)
        _keep_mode(target, part)
        put_in_place(part, target)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        with suppress(OSError):  # on a read-only disk, where it was never made
            part.unlink(missing_ok=True)


def write_output(
    path: StrPath,
    content: bytes,
    *,
    kind: OutputKind,
    precious: Precious = is_ours_by_mark,
    force: bool = False,
) -> None:
    """Write a file at once. Arguments and errors are those of `replacing`."""
    with replacing(path, kind=kind, precious=precious, force=force) as part:
        part.write_bytes(content)


def _describe_other(target: Path, kind: OutputKind, size_bytes: int) -> str | None:
    """What a file is that is not of that kind and made by us; None where it is, or is empty."""
    if not size_bytes:
        return None
    if target.suffix.lower() in kind.unmarked:
        return f"a {target.suffix} file, which does not tell who made it"
    try:
        with target.open("rb") as file:
            looked_at = file.read(_HEAD_BYTES)
            file.seek(max(0, size_bytes - _TAIL_BYTES))
            looked_at += file.read(_TAIL_BYTES)
    except OSError:
        return "a file that cannot be read"
    return None if any(mark in looked_at for mark in kind.marks) else f"not {kind.what} made by Lookalike"


def _stays(path: StrPath, what: str) -> WouldOverwrite:
    return WouldOverwrite(
        f"expected a name that is free, but {path} is {what}, and stays: "
        "choose another name, or overwrite it with force (--force)"
    )


def _same(path: str, target: Path) -> bool:
    try:
        return os.path.samefile(path, target)
    except (OSError, ValueError):  # not there, or no possible name
        return False


def _keep_mode(target: Path, part: Path) -> None:
    """What only its owner could read stays so."""
    with suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(target.stat().st_mode))


def _write_error(path: StrPath, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{path}: cannot be written: {_why(error)}; make room there, or choose another folder; nothing was overwritten"
    )


def _why(error: OSError) -> str:
    """By its number, where it has one: libraries put inner words of their own into the text."""
    if error.errno in _IS_FULL:
        return f"the disk is full, or a quota is used up ({os.strerror(error.errno)})"
    if error.errno is not None:
        return os.strerror(error.errno)
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _list_endings(endings: tuple[str, ...]) -> str:
    return " or ".join(endings) if len(endings) < 3 else f"{', '.join(endings[:-1])} or {endings[-1]}"
