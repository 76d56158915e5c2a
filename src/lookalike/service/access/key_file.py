"""The file in which keys are kept, for the service to read and `lookalike key` to change.

It is replaced in one step, and readable by its owner alone (0600). `key_format` tells what it holds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from collections.abc import Collection as Several
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import platformdirs

from lookalike.core.errors import BadInput, NotFound, StorageFailed, WouldOverwrite
from lookalike.service.access.key_format import format_keys, parse_keys
from lookalike.service.access.keys import ApiKey, make_key
from lookalike.service.access.principal import Scope
from lookalike.storage.lock import file_lock
from lookalike.storage.private import keep_private, make_private
from lookalike.storage.whole_file import write_whole

LOCK_WAIT_S = 30.0
_MOST_BYTES = 16_000_000


class Signature(NamedTuple):
    """By which a changed file is told from an unchanged one."""

    mtime_ns: int
    size_bytes: int
    inode: int


def usual_keys_file() -> Path:
    """Where keys are kept if nothing else is said."""
    return platformdirs.user_config_path("lookalike") / "keys.json"


def signature_of(path: Path) -> Signature:
    """See `Signature`.

    Raises:
        OSError: when there is no such file.
    """
    return _signature(path.stat())


def read_keys(path: Path) -> tuple[dict[str, ApiKey], Signature]:
    """All keys by id, revoked ones too, and the signature of the file that was read.

    Raises:
        BadInput: when there is no such file, or it is damaged, or anybody may write to it; the message says where.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            _check(status, path)
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInput(f"there are no keys in {path}: make one with `lookalike key add NAME --keys {path}`") from error
    except OSError as error:
        raise BadInput(f"the keys in {path} cannot be read: {error.strerror or error}") from error
    if len(content) > _MOST_BYTES:
        raise BadInput(
            f"expected at most {_MOST_BYTES:,} bytes of keys in {path}, got more; restore it from a copy, or "
            "remove old keys"
        )
    try:
        keys = parse_keys(content)
    except BadInput as error:
        raise BadInput(f"the keys in {path} are damaged, or it is another kind of file: {error}") from None
    keep_private(path)  # now that it is known to be ours
    return keys, _signature(status)


def change_keys(path: Path, change: Callable[[dict[str, ApiKey]], Sequence[ApiKey]]) -> None:
    """Put other keys in the place of those that are there, while nobody else does.

    Args:
        path: of the file; it and its folder are made where they are not there.
        change: is given all keys by id, and gives what is to be kept.
    Raises:
        BadInput: when what is there is damaged, or no file of keys.
        WouldOverwrite: when it is a link that leads nowhere.
        StorageFailed: when the file cannot be written.
        Locked: when another process changes it for longer than 30 seconds.
    """
    if path.is_symlink() and not path.exists():
        raise WouldOverwrite(f"{path} is a link to {os.path.realpath(path)}, where nothing is: name a file of keys")
    path = Path(os.path.realpath(path))
    try:
        if path.exists():
            read_keys(path)  # before anything is made beside a file that is none of ours
        make_private(path.parent)
        with file_lock(path.with_name(f"{path.name}.lock")).holding(wait_s=LOCK_WAIT_S):
            before = read_keys(path)[0] if path.exists() else {}
            content = format_keys(change(before)).encode("ascii")
            # it stays its owner's, when root changes the keys of a service that runs as somebody else
            write_whole(path, content, keeps_owner=True, is_our_folder=False)
    except OSError as error:
        raise StorageFailed(
            f"the keys in {path} cannot be written: {error.strerror or error}"
            "; make room there, or repair its permissions"
        ) from error


def add_key(
    path: Path,
    name: str,
    *,
    scopes: Several[Scope],
    collections: Several[str] | None = None,
    expires: float | None = None,
    now: float,
) -> tuple[ApiKey, str]:
    """Make a key and keep it.

    All but the path of the file is as in `keys.make_key`.

    Returns:
        what is kept of it, and the key itself.
    Raises:
        BadInput, StorageFailed: as `make_key` and `change_keys`.
    """
    made: list[tuple[ApiKey, str]] = []

    def change(keys: dict[str, ApiKey]) -> Sequence[ApiKey]:
        made.append(make_key(name, scopes=scopes, collections=collections, expires=expires, now=now, taken=keys))
        return [*keys.values(), made[0][0]]

    change_keys(path, change)
    return made[0]


def revoke_key(path: Path, key_id: str, *, now: float) -> ApiKey:
    """Have a key be good no more. Idempotent: the first time stays.

    Returns:
        what is kept of it.
    Raises:
        NotFound: when there is none.
        BadInput, StorageFailed: as `change_keys`.
    """
    changed: list[ApiKey] = []

    def change(keys: dict[str, ApiKey]) -> Sequence[ApiKey]:
        key = keys.get(key_id)
        if key is None:
            raise NotFound(f"there is no key {key_id} in {path}; `lookalike key list` shows those that are there")
        changed.append(key if key.revoked is not None else replace(key, revoked=now))
        return [*(other for other in keys.values() if other.id != key_id), *changed]

    change_keys(path, change)
    return changed[0]


def _signature(status: os.stat_result) -> Signature:
    return Signature(status.st_mtime_ns, status.st_size, status.st_ino)


def _check(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"expected a file of keys, {path} is none; correct the path")
    if status.st_mode & stat.S_IWOTH:
        raise BadInput(
            f"only its owner may write to the keys in {path}, but anybody can, so they prove nothing: run "
            f"chmod 600 {path}"
        )
