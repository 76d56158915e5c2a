"""Who is one caller: all keys of one name, and all tokens of one subject; the log of requests names them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lookalike.service.access.key_file import add_key
from lookalike.service.access.principal import Scope
from lookalike.service.asker import current_asker
from tests.services import running, token


def test_keys_of_one_name_and_tokens_of_one_subject_are_one_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []
    keys = tmp_path / "keys.json"
    made = [add_key(keys, name, scopes=[Scope.READ], now=time.time())[1] for name in ("ann", "ann", "bob")]
    headers = [*({"Authorization": f"Bearer {key}"} for key in made), token("read"), token("read", "write")]
    with running(tmp_path, keys_file=keys) as served, caplog.at_level("INFO", logger="lookalike"):
        names = served.service.collections.names

        def noted() -> list[str]:
            asked.append(current_asker().name)
            return names()

        monkeypatch.setattr(served.service.collections, "names", noted)
        for one in headers:
            assert served.client.get("/v1/session", headers=one).status_code == 200

    callers = ["ann", "ann", "bob", "token:somebody", "token:somebody"]
    assert asked == callers
    assert [record.fields["principal"] for record in caplog.records if hasattr(record, "fields")] == callers
