"""A guard around processes: every look-up, connection and change of a file that the kernel was asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

CALLS = "network,open,openat,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_WITHOUT_A_TRACE = ("/dev/null", "/dev/tty", "/dev/shm/sem.", "/proc/")
_RESOLVERS = ("resolve", "dbus", "avahi", "hosts")  # the name service cache is also asked for users: not with this word
_LOOPBACK = re.compile(r'inet_addr\("(127\.[\d.]+|0\.0\.0\.0)"\)|inet_pton\(AF_INET6, "(::1|::|::ffff:127\.[\d.]+)"')
_PATH = re.compile(r'(?:AT_FDCWD(?:<(?P<here>[^>]*)>)?|\d+<(?P<folder>[^>]*)>)?(?:, )?"(?P<name>(?:[^"\\]|\\.)*)"')


class Trace(NamedTuple):
    """What a process and its children did.

    Attributes:
        code: how it ended.
        stdout, stderr: what it said.
        cwd: the folder that it was started in.
        calls: lines of the trace.
    """

    code: int
    stdout: str
    stderr: str
    cwd: Path
    calls: tuple[str, ...]

    @property
    def lookups(self) -> list[str]:
        """Questions to a name server, or to a service of this machine that would ask one."""
        return [call for call in self.calls if _is_lookup(call)]

    @property
    def connections(self) -> list[str]:
        """Connections and messages to what is not this machine."""
        return [call for call in self.calls if "sa_family=AF_INET" in call and _leaves(call)]

    def writes_outside(self, *folders: Path) -> list[str]:
        """Paths outside of these folders that were made, opened for writing, or renamed to."""
        own = tuple(f"{os.path.realpath(folder)}/" for folder in folders)
        return [
            path
            for path in (path for call in self.calls for path in _written(call, self.cwd))
            if not path.startswith((*own, *_WITHOUT_A_TRACE)) and path + "/" not in own
        ]


@cache
def why_not() -> str | None:
    """Why processes cannot be traced here; None where they can."""
    if shutil.which("strace") is None:
        return "needs strace"
    done = subprocess.run(["strace", "-f", "--seccomp-bpf", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"this machine does not let processes be traced: {done.stderr[-200:]}"


def bare_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user at a new machine; nothing in it tells libraries that they are being tested."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home / "tmp"), **more}


def prefix(trace: Path) -> list[str]:
    """What stands before a command so that it is traced.

    Skips the test where processes cannot be traced.
    """
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "512", "-o", str(trace), "-e", f"trace={CALLS}"]


def traced(
    command: Sequence[str | os.PathLike[str]], *, trace: Path, environment: Mapping[str, str], cwd: Path | None = None
) -> Trace:
    """Run a command to its end under the guard."""
    done = subprocess.run(
        [*prefix(trace), *map(os.fspath, command)],
        env=environment, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=240, check=False,
    )  # fmt: skip
    return Trace(done.returncode, done.stdout, done.stderr, cwd or Path.cwd(), calls_in(trace))


def python(*arguments: str | os.PathLike[str]) -> list[str]:
    """This Python; it leaves no compiled modules behind, whoever started it first."""
    return [sys.executable, "-B", *map(os.fspath, arguments)]


def calls_in(trace: Path) -> tuple[str, ...]:
    """The calls of a trace, those that were cut in two put together; without those that failed."""
    whole: list[str] = []
    begun: dict[str, str] = {}
    for line in trace.read_text("utf-8", "replace").splitlines():
        process, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[process] = call.removesuffix("<unfinished ...>").strip()
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", call):
            call = begun.pop(process, "") + call[resumed.end() :]
        whole.append(call)
    return (*whole, *begun.values())


def _is_lookup(call: str) -> bool:
    if call.startswith(("connect", "sendto", "sendmsg", "sendmmsg")):
        return (
            "htons(53)" in call or "htons(5353)" in call or ("AF_UNIX" in call and any(r in call for r in _RESOLVERS))
        )
    return "/etc/resolv.conf" in call


def _leaves(call: str) -> bool:
    return call.startswith(("connect", "sendto", "sendmsg", "sendmmsg")) and not _LOOPBACK.search(call)


def _written(call: str, cwd: Path) -> Iterator[str]:
    name = call.partition("(")[0]
    if name in ("open", "openat") and not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", call):
        return
    if not name.startswith(("open", "creat", "mk", "rename", "link", "symlink")) or re.search(r"= -1 E", call):
        return
    found = list(_PATH.finditer(call.partition("(")[2]))
    made = found[-1:]  # the last of two: what is renamed or linked to stands first
    for path in made:
        folder = path["folder"] or path["here"] or cwd
        yield os.path.realpath(os.path.join(folder, path["name"].encode().decode("unicode_escape")))
