"""RabbitMQ: a node of its own from the system's program, which has nothing to do with one that runs here already."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chain.guard import guarded
from chain.server import HOST, ServerFailed, end_group, free_port, wait_until

_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
_NAMES = Path("epmd")  # tells Erlang nodes of one another
_STARTS_WITHIN_S = 120.0
_IS_STARTING = "requires the 'rabbit' app to be running"
_SETTINGS = """\
loopback_users = none
log.file.level = warning
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.relative = 0.6
heartbeat = 20
"""


def rabbitmq_program() -> Path | None:
    """What starts RabbitMQ; None where it is not installed."""
    for folder in (_PROGRAMS, *(Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one)):
        if (folder / "rabbitmq-server").is_file() and shutil.which(_NAMES):
            return folder / "rabbitmq-server"
    return None


class RabbitServer:
    """See `chain.server.Server`. Everybody who reaches it is let in as `guest` with the password `guest`.

    Args:
        folder: of its own; what it keeps lies there.
        port: that clients connect to; 0 for any that is free.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder.absolute()  # its programs run there
        self._port = port or free_port()
        self._names_port, self._nodes_port = free_port(), free_port()
        self._node = f"lookalike-{self._port}@localhost"
        self._process: subprocess.Popen[bytes] | None = None
        self._names: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the vhost `/`."""
        return f"amqp://guest:guest@{HOST}:{self._port}/"

    @property
    def port(self) -> int:
        """That clients connect to."""
        return self._port

    def start(self) -> None:
        """Start the node; see `Server`."""
        program = rabbitmq_program()
        if program is None:
            raise ServerFailed("RabbitMQ is not installed here: install the package rabbitmq-server")
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "rabbitmq.conf").write_text(_SETTINGS)
        (self._folder / "enabled_plugins").write_text("[].\n")
        with (self._folder / "output").open("ab") as output:
            # Begun here, so that the node finds one and leaves none behind that outlives it.
            self._names = guarded(
                subprocess.Popen(
                    ["epmd", "-port", str(self._names_port), "-address", HOST],  # noqa: S607 - wherever it is
                    cwd=self._folder,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )
            wait_until(lambda: _listens(self._names_port), process=self._names, what="epmd", within_s=_STARTS_WITHIN_S)
            self._process = guarded(
                subprocess.Popen(
                    [str(program)],
                    cwd=self._folder,  # what it writes when it dies lies there
                    env=self._environment(),
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )
        try:
            wait_until(self._answers, process=self._process, what=self._node, within_s=_STARTS_WITHIN_S)
        except ServerFailed:
            self.kill()
            raise

    def kill(self) -> None:
        """End all its processes by SIGKILL. Idempotent."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it write what it has, and end. Idempotent."""
        self._end(signal.SIGTERM)

    def control(self, *command: str) -> str:
        """Have `rabbitmqctl` do something with this node; takes a second or two.

        Returns:
            what it printed.
        Raises:
            ServerFailed: when it cannot be done.
        """
        until = time.monotonic() + _STARTS_WITHIN_S
        while (done := self._control(command)).returncode and _IS_STARTING in done.stderr and time.monotonic() < until:
            time.sleep(0.5)  # it greets clients a moment before it does what it is told
        if done.returncode:
            raise ServerFailed(
                f"rabbitmqctl {command[0]} could not be done: {done.stderr or done.stdout}; read its log"
            )
        return done.stdout

    def _control(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        program = rabbitmq_program()
        assert program is not None  # it was started  # noqa: S101
        return subprocess.run(
            [str(program.with_name("rabbitmqctl")), "-q", "-n", self._node, *command],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        """Nothing that is set for another node of this machine holds for this one."""
        folder = self._folder
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),  # the cookie lies there
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._nodes_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CTL_ERL_ARGS": "+S 1:1 +sbwt none",
            # one scheduler that sleeps when it has nothing to do: tests have the machine for themselves
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }

    def _answers(self) -> bool:
        """Whether it greets a client in its own protocol."""
        with suppress(OSError), socket.create_connection((HOST, self._port), timeout=5.0) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
        return False

    def _end(self, by: signal.Signals) -> None:
        node, self._process = self._process, None
        names, self._names = self._names, None
        if node is not None:
            end_group(node, by=by)
        if names is not None:
            end_group(names, by=signal.SIGKILL)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
        return True
    return False
