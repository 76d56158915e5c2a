"""OpenStack Swift on one machine, as it speaks S3: a proxy, and one server each for accounts, containers and objects.

It is installed from the Python package index into an environment of its own, once, and keeps what it has in ordinary
folders; their file system must know extended attributes.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from chain.debian_programs import ProgramsMissing, cache_folder
from chain.guard import guarded
from chain.s3_server import S3Keys, answers_http, note_ports, ports_of
from chain.server import HOST, ServerFailed, end_group, wait_until

_PACKAGE = "swift==2.38.3"
_STARTS_WITHIN_S = 90.0
_PROGRAM = Path(__file__).with_name("swift_program.py")
_KEEPERS = ("account", "container", "object")
_SHARED = """\
[swift-hash]
swift_hash_path_suffix = chain
swift_hash_path_prefix = chain
[storage-policy:0]
name = plain
default = yes
"""
_COMMON = """\
[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
log_level = WARNING
"""
_KEEPER = """\
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
replication_server = false
"""
_PROXY = """\
[pipeline:main]
pipeline = catch_errors listing_formats bulk s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
node_timeout = 20
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
dns_compliant_bucket_names = true
[filter:tempauth]
use = egg:swift#tempauth
user_chain_owner = {owner} .admin
user_chain_stranger = {stranger}
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""


class SwiftServer:
    """See `chain.server.Server` and `chain.s3_server.S3Server`.

    Args:
        folder: of its own; what it keeps lies there.
        port: of the proxy; 0 for any that is free. What is in the folder already keeps its own.
        programs: where it is installed; None for the user's cache.
    """

    def __init__(self, folder: Path, port: int = 0, *, programs: Path | None = None) -> None:
        self.keys = S3Keys("chain:owner", "secret-of-the-owner-of-the-buckets")
        self.stranger = S3Keys("chain:stranger", "secret-of-somebody-else")
        self.folder = folder
        self._ports = ports_of(folder, ("proxy", *_KEEPERS), first=port)
        self._programs = programs or cache_folder() / "swift"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://{HOST}:{self._ports['proxy']}"

    def start(self) -> None:
        """Start all four; see `Server`."""
        _install(self._programs)
        if not (self.folder / "made").exists():
            self._make()
        try:
            for kind in _KEEPERS:
                self._begin(kind)
            self.start_front()
        except ServerFailed:
            self.kill()
            raise

    def kill(self) -> None:
        """End all its processes by SIGKILL. Idempotent."""
        self._end(*list(self._processes), by=signal.SIGKILL)

    def stop(self) -> None:
        """Let it end. Idempotent."""
        self._end(*reversed(self._processes), by=signal.SIGTERM)

    def kill_front(self) -> None:
        """End the proxy by SIGKILL; see `S3Server`."""
        self._end("proxy", by=signal.SIGKILL)

    def start_front(self) -> None:
        """Start the proxy; see `S3Server`."""
        self._begin("proxy")

    def _make(self) -> None:
        """The folder, as it is before anything has run; what an earlier try left is thrown away."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "devices" / "here").mkdir(parents=True)
        (self.folder / "swift.conf").write_text(_SHARED)
        note_ports(self.folder, self._ports)
        for kind, port in self._ports.items():
            common = _COMMON.format(host=HOST, port=port, user=getpass.getuser(), folder=self.folder)
            own = _PROXY.format(owner=self.keys.secret_key, stranger=self.stranger.secret_key)
            own = own if kind == "proxy" else _KEEPER.format(kind=kind)
            (self.folder / f"{kind}.conf").write_text(common + own)
        for kind in _KEEPERS:
            builder = f"{kind}.builder"
            device = f"r1z1-{HOST}:{self._ports[kind]}/here"
            for command in (["create", "4", "1", "1"], ["add", device, "1"], ["rebalance"]):
                _run(self._programs / "bin" / "swift-ring-builder", builder, *command, folder=self.folder)
        (self.folder / "made").touch()

    def _begin(self, kind: str) -> None:
        with (self.folder / "output").open("ab") as output:
            process = guarded(
                subprocess.Popen(
                    [self._programs / "bin" / "python", "-P", _PROGRAM, self.folder, kind],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )
        self._processes[kind] = process
        url = f"http://{HOST}:{self._ports[kind]}"
        wait_until(
            lambda: answers_http(url),
            process=process,
            what=f"Swift's {kind} server in {self.folder}",
            within_s=_STARTS_WITHIN_S,
        )

    def _end(self, *kinds: str, by: signal.Signals) -> None:
        for kind in kinds:
            process = self._processes.pop(kind, None)
            if process is not None:
                end_group(process, by=by)


def _install(folder: Path) -> None:
    """Install Swift, where that was not done. Safe to call at once.

    Raises:
        ProgramsMissing: when it cannot be had.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                _run(sys.executable, "-m", "venv", folder, folder=folder.parent)
                _run(folder / "bin" / "python", "-m", "pip", "install", "-q", _PACKAGE, folder=folder.parent)
            except ServerFailed as error:
                raise ProgramsMissing(str(error)) from error
            (folder / "installed").touch()


def _run(program: str | Path, *arguments: str | Path, folder: Path) -> None:
    """Run something that must succeed.

    Raises:
        ServerFailed: when it did not.
    """
    command = [str(program), *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    # the tool for rings ends with 1 where it has only a warning
    if done.returncode > (1 if command[0].endswith("ring-builder") else 0):
        said = (done.stderr or done.stdout)[-500:]
        raise ServerFailed(f"{' '.join(command[-2:])} was to be done, but ended with {done.returncode}: {said}")
