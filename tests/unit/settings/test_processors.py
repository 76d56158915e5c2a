from __future__ import annotations

import subprocess
import sys

import pytest

from lookalike.index.shortlist.scan import processors
from lookalike.settings.processors import LARGE_PRODUCTS, SMALL_PRODUCTS, share_processors


def test_processors_are_shared_among_processes_and_each_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LARGE_PRODUCTS, raising=False)
    monkeypatch.delenv(SMALL_PRODUCTS, raising=False)
    there = processors()

    share_processors(10_000)

    assert processors() == 1 <= there


def test_what_the_user_has_said_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LARGE_PRODUCTS, "1")

    share_processors(1)

    assert processors() == 1


@pytest.mark.parametrize("said", ["", "many", "-1", "0.5", "٣"])
def test_what_is_no_number_of_threads_is_passed_over(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.delenv(LARGE_PRODUCTS, raising=False)
    there = processors()
    monkeypatch.setenv(LARGE_PRODUCTS, said)

    assert processors() == there


def test_the_command_says_it_before_numpy_is_imported() -> None:
    asked = (
        "import sys; import lookalike.cli.serve, lookalike.cli.worker, lookalike.settings.service_reading; "
        "sys.exit('numpy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
