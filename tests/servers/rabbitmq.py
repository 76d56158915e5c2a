"""The fixture of a RabbitMQ."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from chain.rabbitmq import RabbitServer, rabbitmq_program

if TYPE_CHECKING:
    from lookalike.dispatch.rabbitmq import RabbitDispatch


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """A node that answers. Each test has queues of its own names; who kills it starts it again."""
    pytest.importorskip("aio_pika", reason="the extra rabbitmq is not installed")
    if rabbitmq_program() is None:
        pytest.skip("RabbitMQ is not installed")
    folder = Path(tempfile.mkdtemp(prefix="lookalike-rabbitmq-"))
    server = RabbitServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rabbit_dispatch(rabbit_server: RabbitServer) -> Iterator[RabbitDispatch]:
    """A dispatch with queues of its own, whose workers do not look by themselves."""
    from lookalike.dispatch.rabbitmq import RabbitDispatch

    with closing(RabbitDispatch(rabbit_server.url, look_every_s=3_600.0, name=f"test-{token_hex(4)}")) as dispatch:
        yield dispatch
