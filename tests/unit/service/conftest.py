"""Every problem that a test of the service meets bears a code of the table, with the values that the table names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lookalike.service import problem_codes
from lookalike.service.edge import problem_body


@pytest.fixture(autouse=True)
def faults_of_problems(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What problems said amiss; a test fails where there is anything."""
    faults: list[str] = []

    def watched(code: str, values: object) -> str | None:
        fault = problem_codes.fault_of(code, values)
        if fault is not None:
            faults.append(fault)
        return fault

    monkeypatch.setattr(problem_body, "fault_of", watched)
    yield faults
    assert not faults
