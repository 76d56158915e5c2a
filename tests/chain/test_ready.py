"""Whether a service over servers says which of them is away, and whether requests should be sent to it then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from starlette.testclient import TestClient

from chain.parts import Parts
from chain.server import free_port
from lookalike.service.app import application, wire
from lookalike.settings.service_reading import read_service_settings
from tests.chain.conftest import settings_of
from tests.chain.test_wrong_settings import PREFIX, at
from tests.waiting import eventually

SERVERS = ("objects", "vectors", "broker")


@contextmanager
def asked(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with TestClient(application(wire(read_service_settings()))) as client:
        yield client


def report_of(client: TestClient, *, ill: tuple[str, ...]) -> tuple[int, str, set[str]]:
    """Once those are told to be ill, and no other server: on a busy machine one may give no answer in time."""

    def look() -> tuple[int, str, set[str]] | None:
        reply = client.get("/readyz")
        said = reply.json()
        are_ill = {name for name, state in said["parts"].items() if state != "ok"}
        return (reply.status_code, said["status"], are_ill) if are_ill == set(ill) else None

    return eventually(look)


@pytest.mark.parametrize(
    ("ill", "status", "code"),
    [((), "ok", 200), (("broker",), "degraded", 200), (("objects",), "unready", 503), (("vectors",), "unready", 503)],
    ids=str,
)
def test_who_is_away_is_told_and_without_the_broker_requests_are_sent_all_the_same(
    ill: tuple[str, ...], status: str, code: int, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**settings_of(parts, tmp_path / "home"), f"{PREFIX}RUN_WORKER": "false"}
    for name in ill:
        variable = f"{PREFIX}OBJECTS_ENDPOINT" if name == "objects" else f"{PREFIX}{name.upper()}"
        settings[variable] = (
            f"http://127.0.0.1:{free_port()}" if name == "objects" else at(settings[variable], port=free_port())
        )
    with asked(settings, monkeypatch) as client:
        assert report_of(client, ill=ill) == (code, status, set(ill))
        assert set(SERVERS) <= set(client.get("/readyz").json()["parts"])
