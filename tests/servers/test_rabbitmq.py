"""The node that other tests talk to is one of its own, keeps what it has, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.rabbitmq import RabbitServer, rabbitmq_program
from chain.server import ServerFailed, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(rabbitmq_program() is None, reason="RabbitMQ is not installed")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RabbitServer]:
    server = RabbitServer(tmp_path / "rabbitmq")
    yield server
    server.kill()


def processes_of(server: RabbitServer) -> list[str]:
    """Those that know the node's name, or have its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
        except OSError:
            continue
        if f"lookalike-{server.port}@localhost".encode() in said:
            found.append(process.name)
    return found


def test_its_programs_run_in_its_folder_so_that_what_they_write_when_they_die_lies_there(
    server: RabbitServer, tmp_path: Path
) -> None:
    server.start()
    places = {Path(f"/proc/{process}/cwd").resolve() for process in processes_of(server)}
    assert tmp_path / "rabbitmq" in places
    assert Path.cwd() not in places


def test_what_was_kept_is_there_after_a_kill_and_a_stop_and_nothing_of_it_goes_on(server: RabbitServer) -> None:
    server.start()
    server.control("add_vhost", "kept")
    for end in (server.kill, server.stop):
        assert processes_of(server)
        end()
        end()
        eventually(lambda: not processes_of(server))
        server.start()
        assert "kept" in server.control("list_vhosts").split()


def test_what_is_set_for_another_node_of_this_machine_does_not_hold(
    server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RABBITMQ_NODENAME": "other@localhost", "RABBITMQ_NODE_PORT": "1"}.items():
        monkeypatch.setitem(os.environ, name, value)
    server.start()
    assert str(server.port) in server.control("eval", "node().")


def test_a_node_that_cannot_start_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "rabbitmq").mkdir()
    (tmp_path / "rabbitmq" / "data").write_text("in its way")
    server = RabbitServer(tmp_path / "rabbitmq", free_port())
    with pytest.raises(ServerFailed, match=r"was to answer.*: read its log"):
        server.start()
    eventually(lambda: not processes_of(server))
    with pytest.raises(ServerFailed, match="could not be done"):
        server.control("status")
