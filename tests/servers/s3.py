"""The fixtures of two servers that speak S3, and buckets in them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import pytest

from chain.ceph import CephServer
from chain.debian_programs import ProgramsMissing
from chain.s3_server import S3Keys, S3Server
from chain.swift import SwiftServer
from lookalike.core.retrying import Retrying
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_requests import S3Requests

S3_SERVERS: Final = {"ceph": "s3_server", "swift": "swift_server"}
"""The fixtures, by what they start: `request.getfixturevalue(S3_SERVERS[kind])`."""

Started = TypeVar("Started", CephServer, SwiftServer)

QUICKLY = Retrying(attempts=4, first_pause_s=0.01, longest_pause_s=0.05)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[CephServer]:
    """Ceph, of which what was put outlives a kill. Each test has a bucket of its own; who kills it starts it again."""
    with _started("ceph", CephServer) as server:
        yield server


@pytest.fixture(scope="session")
def swift_server() -> Iterator[SwiftServer]:
    """Swift, likewise."""
    with _started("swift", SwiftServer) as server:
        yield server


@pytest.fixture(params=list(S3_SERVERS))
def any_s3_server(request: pytest.FixtureRequest) -> S3Server:
    """One and then the other."""
    return s3_server_of(request, request.param)


def s3_server_of(request: pytest.FixtureRequest, kind: str) -> S3Server:
    """A server by its name in `S3_SERVERS`, started where it was not."""
    server: S3Server = request.getfixturevalue(S3_SERVERS[kind])
    return server


def new_bucket(server: S3Server, *, keys: S3Keys | None = None, retrying: Retrying = QUICKLY) -> S3Bucket:
    """A bucket that nobody has used, and a prefix in it.

    Args:
        server: that has it.
        keys: with which it is asked; None for its owner's.
        retrying: how often.
    """
    name = f"test-{secrets.token_hex(8)}"
    owned = bucket_of(server, name, keys=server.keys, retrying=retrying)
    S3Requests(owned).client.create_bucket(Bucket=name)
    return bucket_of(server, name, keys=keys or server.keys, retrying=retrying)


def bucket_of(server: S3Server, name: str, *, keys: S3Keys, retrying: Retrying = QUICKLY) -> S3Bucket:
    """A bucket of a server, whether or not it is there."""
    return S3Bucket(
        server.url, name, keys.access_key, keys.secret_key, prefix="a/prefix", timeout_s=20.0, retrying=retrying
    )


@contextmanager
def _started(name: str, make: Callable[[Path], Started]) -> Iterator[Started]:
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    pytest.importorskip("boto3", reason="the extra s3 is not installed")
    folder = Path(tempfile.mkdtemp(prefix=f"lookalike-{name}-"))
    server = make(folder / "server")
    try:
        try:
            server.start()
        except ProgramsMissing as error:
            pytest.skip(str(error))
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
