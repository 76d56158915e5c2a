"""`lookalike jobs`: what was given up is seen, with why, and put in again, also while the service runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.assembly.service import open_ledger
from lookalike.jobs.base import Job, Jobs, JobState
from lookalike.ledger.base import Upload, UploadState
from tests.e2e.conftest import Command

NAME = "rot\x1b[31m \udce9.jpg"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def jobs(home: Path) -> Iterator[Jobs]:
    with closing(open_ledger(home)) as ledger:
        yield ledger.jobs


def put(jobs: Jobs, home: Path, number: int, *, collection: str = "photos") -> Job:
    upload_id = f"{number:032x}"
    with closing(open_ledger(home)) as ledger:
        upload = Upload(
            id=upload_id, collection=collection, owner="ann", state=UploadState.QUEUED, size_bytes=3,
            content_type="image/png", sha256="a" * 64, name=NAME, created_at=0.0, expires_at=900.0,
        )  # fmt: skip
        ledger.add_upload(upload)
    return jobs.enqueue("verify_upload", collection=collection, payload={"upload_id": upload_id}, owner="ann")


def given_up(jobs: Jobs, job: Job) -> None:
    claimed = jobs.claim(["verify_upload"], worker="w", lease_s=60)
    assert claimed is not None
    assert claimed.id == job.id
    jobs.fail(job.id, lease=claimed.lease, code="wrong_model", detail="it is of another model", retry_in_s=None)


def test_what_failed_is_listed_with_its_upload_and_why(command: Command, home: Path, jobs: Jobs) -> None:
    failed, waiting = put(jobs, home, 1), put(jobs, home, 2)
    given_up(jobs, failed)
    outcome = command("jobs", "--home", home)
    lines = outcome.text.splitlines()
    assert [line.split()[:3] for line in (lines[0], lines[1])] == [
        [waiting.id, "queued", "photos"],
        [failed.id, "failed", "photos"],
    ]
    assert f"{1:032x}" in lines[1]
    assert "1 try" in lines[1]
    assert lines[2].strip() == "wrong_model: it is of another model"
    assert "\x1b" not in outcome.text
    assert "1 of them failed" in outcome.stderr
    assert "--all" in outcome.stderr
    facts = json.loads(command("jobs", "--home", home, "--state", "failed", "--json").stdout)["jobs"]
    (fact,) = facts
    assert (fact["id"], fact["state"], fact["code"], fact["attempts"]) == (failed.id, "failed", "wrong_model", 1)
    assert fact["upload"]["id"] == f"{1:032x}"
    assert fact["created_at"].endswith("Z")
    assert len(json.loads(command("jobs", "--home", home, "--limit", "1", "--json").stdout)["jobs"]) == 1


def test_one_or_all_are_put_in_again(command: Command, home: Path, jobs: Jobs) -> None:
    put_in = [put(jobs, home, n) for n in range(3)]
    for job in put_in:
        given_up(jobs, job)
    outcome = command("jobs", "--home", home, "--retry", put_in[0].id, "--json")
    assert json.loads(outcome.stdout) == {"retried": [put_in[0].id]}
    assert [jobs.get(job.id).state for job in put_in] == ["queued", "failed", "failed"]
    outcome = command("jobs", "--home", home, "--all")
    assert "2 jobs" in outcome.stderr
    assert {jobs.get(job.id).state for job in put_in} == {JobState.QUEUED}
    assert "0 jobs" in command("jobs", "--home", home, "--all").stderr


def test_only_the_jobs_of_a_collection_are_put_in_again_where_one_is_named(
    command: Command, tmp_path: Path, home: Path, jobs: Jobs
) -> None:
    mine = tmp_path / "mine"
    (tmp_path / "no photos").mkdir()
    assert command("index", tmp_path / "no photos", "-c", mine).code == 0
    put_in = [put(jobs, home, 1, collection="mine"), put(jobs, home, 2, collection="other")]
    for job in put_in:
        given_up(jobs, job)
    refused = command("jobs", "--retry", put_in[0].id, "--retry", put_in[1].id, "--home", home, "-c", mine)
    assert refused.code == 1
    assert "is of the collection 'other'" in refused.stderr
    assert [jobs.get(job.id).state for job in put_in] == ["failed", "failed"]
    assert command("jobs", "--all", "--home", home, "-c", mine).code == 0
    assert [jobs.get(job.id).state for job in put_in] == ["queued", "failed"]


def test_what_cannot_be_put_in_again_is_told(command: Command, home: Path, jobs: Jobs) -> None:
    job = put(jobs, home, 1)
    assert command("jobs", "--home", home, "--retry", "0" * 32).code == 1
    jobs.claim(["verify_upload"], worker="w", lease_s=60)
    jobs.finish(job.id, lease=1, result=None)
    outcome = command("jobs", "--home", home, "--retry", job.id)
    assert outcome.code == 1
    assert "is done" in outcome.stderr
    assert command("jobs", "--home", home, "--retry", job.id, "--all").code == 2


def test_a_folder_without_a_queue_is_told_and_left_as_it_is(command: Command, tmp_path: Path) -> None:
    outcome = command("jobs", "--home", tmp_path / "none")
    assert outcome.code == 1
    assert "--home" in outcome.stderr
    assert not (tmp_path / "none").exists()
