"""`lookalike jobs`: what the service has still to do, what it gave up and why, and putting that in again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from lookalike.cli.session import Session, command
from lookalike.core.errors import Conflict, NotFound
from lookalike.presentation.text import human_count, safe

if TYPE_CHECKING:
    from lookalike.jobs.base import Job, Jobs
    from lookalike.worker.listing import ListedJob


@command("jobs")
@click.option("--home", metavar="FOLDER", help="Where the service's own files are kept: as for `lookalike serve`.")
@click.option("--state", type=click.Choice(["queued", "running", "failed", "done"]), help="Only jobs that stand so.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--retry", multiple=True, metavar="ID", help="Put this failed job in again.")
@click.option("--all", "retry_every", is_flag=True, help="Put all failed jobs in again.")
def jobs_command(
    session: Session, *, home: str | None, state: str | None, limit: int, retry: tuple[str, ...], retry_every: bool
) -> None:
    """List jobs, and retry those that failed.

    Those that are done are left out if --state is not said. A job that failed is kept for 30 days. With -c only those
    of that collection.
    """
    from lookalike.assembly.service import has_ledger, ledger_of
    from lookalike.jobs.base import JobState
    from lookalike.settings.service_reading import read_service_settings
    from lookalike.worker.listing import UNFINISHED, list_jobs

    if retry and retry_every:
        raise click.UsageError("Expected --retry ID or --all, got both: leave one out")
    settings = read_service_settings(collection=session.collection, home=home)
    if not has_ledger(settings):
        raise NotFound(
            f"expected the folder of a service with its jobs, but {settings.home} has none: name that of "
            "`lookalike serve` with --home"
        )
    collections = list(settings.collections) if session.collection is not None else None
    with closing(ledger_of(settings)) as ledger:
        if retry or retry_every:
            _retry(session, ledger.jobs, retry, collections)
            return
        states = UNFINISHED if state is None else (JobState(state),)
        found = list_jobs(ledger, states=states, collections=collections, limit=limit)
    if session.as_json:
        session.write_json({"jobs": [_json(one) for one in found]})
    else:
        session.write("".join(map(_lines, found)))
        session.say(_summary(found))


def _retry(session: Session, jobs: Jobs, ids: tuple[str, ...], collections: list[str] | None) -> None:
    from lookalike.worker.listing import retry_all

    for job_id in ids:  # all before the first is put in again
        _check_may_retry(jobs.get(job_id), collections)
    retried = [jobs.retry(job_id) for job_id in ids] if ids else retry_all(jobs, collections=collections)
    session.say(f"Put in again: {human_count(len(retried), 'job')}.")
    if session.as_json:
        session.write_json({"retried": [job.id for job in retried]})


def _check_may_retry(job: Job, collections: list[str] | None) -> None:
    if collections is not None and job.collection not in collections:
        raise NotFound(
            f"expected a job of {', '.join(collections)}, but {job.id} is of the collection "
            f"{job.collection!r}; choose that one with --collection"
        )
    if str(job.state) == "done":
        raise Conflict(
            f"job {job.id} is done: only one that failed can be put in again"
            "; list those with `lookalike jobs --state failed`",
            code="job_state",
        )


def _lines(one: ListedJob) -> str:
    from lookalike.service.access.key_format import moment

    job, upload = one
    what = f"upload {upload.id} ({upload.name})" if upload is not None else job.kind
    tries = human_count(job.attempts, "try").replace("trys", "tries")
    facts = (job.id, str(job.state), job.collection, what, tries, f"since {moment(job.created_at)}")
    why = f"    {job.code}: {job.detail}\n" if job.code else ""
    return safe("  ".join(facts)) + "\n" + safe(why.rstrip("\n")) + ("\n" if why else "")


def _summary(found: list[ListedJob]) -> str:
    failed = sum(str(one.job.state) == "failed" for one in found)
    advice = "; put them in again with --retry ID or --all" if failed else ""
    return f"{human_count(len(found), 'job')}, {failed} of them failed{advice}."


def _json(one: ListedJob) -> dict[str, object]:
    from lookalike.service.access.key_format import moment

    job, upload = one
    return {
        "id": job.id,
        "kind": job.kind,
        "state": str(job.state),
        "collection": job.collection,
        "owner": job.owner,
        "upload": None if upload is None else {"id": upload.id, "name": upload.name, "sha256": upload.sha256},
        "code": job.code or None,
        "detail": job.detail or None,
        "attempts": job.attempts,
        "postponed": job.postponed,
        "created_at": moment(job.created_at),
        "updated_at": moment(job.updated_at),
    }
