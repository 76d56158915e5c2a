"""`lookalike index`: folders in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from lookalike.cli.ingest_summary import report_as_json, tell_labels, tell_report
from lookalike.cli.progress import progress_of
from lookalike.cli.session import Session, command
from lookalike.cli.stopping import stopping_cleanly
from lookalike.core.errors import BadInput, NoCollection
from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.ingest.ingest_report import IngestReport
    from lookalike.ingest.metadata import MetadataReport, MetadataTable

SOME_FAILED = 3


@command("index")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--prune", is_flag=True, help="Forget pictures whose files below PATH are gone.")
@click.option(
    "--forget", multiple=True, metavar="PLACE", help="With --prune: also below this folder that is out of sight."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--watch", is_flag=True, help="Go on and take in what changes, until Ctrl-C.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Pass over names or paths like *.gif or thumbs/.")
@click.option("--metadata", metavar="TABLE", help="CSV, TSV, JSON or JSON Lines with a column path or id.")
@click.option("--metadata-root", metavar="DIR", help="The folder to which paths in TABLE are relative.")
@click.option("--retry-refused", is_flag=True, help="Read refused files again although they have not changed.")
def index_command(
    session: Session,
    paths: tuple[str, ...],
    *,
    prune: bool,
    forget: tuple[str, ...],
    dry_run: bool,
    watch: bool,
    exclude: tuple[str, ...],
    metadata: str | None,
    metadata_root: str | None,
    retry_refused: bool,
) -> int:
    """Take in the pictures below folders.

    Unchanged files are not read again. Ctrl-C stops cleanly, and the same command goes on from there.
    """
    if forget and not prune:
        raise click.UsageError(
            "--forget needs --prune, which then forgets that, too, but came alone: leave it out, or add --prune"
        )
    if watch and dry_run:
        raise click.UsageError("Expected --watch or --dry-run, got both: leave one out")
    if metadata_root is not None and metadata is None:
        raise click.UsageError(
            "--metadata-root needs --metadata, to whose paths it belongs, but came alone: leave it out, or name "
            "the table with --metadata TABLE"
        )
    table = _table(metadata, root=metadata_root)
    with stopping_cleanly() as is_asked_to_stop, _open(session, dry_run=dry_run) as collection:

        def index() -> int:
            with progress_of(session, task="Indexing") as progress:
                report = collection.index(
                    *paths,
                    prune=prune,
                    forget=forget,
                    dry_run=dry_run,
                    exclude=exclude,
                    retry_refused=retry_refused,
                    metadata=table.by_path() if table is not None else None,
                    progress=progress,
                )
            labels = collection.label(table) if table is not None and not dry_run else None
            return _tell(report, labels, session)

        code = index()
        if watch:
            session.say("Watching for changes; Ctrl-C ends it.")
            collection.watch(*paths, stop=is_asked_to_stop, on_change=_again(index, session))
    return code


def _table(metadata: str | None, *, root: str | None) -> MetadataTable | None:
    if metadata is None:
        return None
    from lookalike.ingest.metadata import read_metadata

    return read_metadata(metadata, root=root)


def _open(session: Session, *, dry_run: bool) -> Collection:
    try:
        return session.open(create=not dry_run)
    except NoCollection:
        if not dry_run:
            raise
        return session.open(in_memory=True)  # a dry run leaves nothing behind, not even an empty collection


def _again(index: Callable[[], int], session: Session) -> Callable[[], None]:
    def call() -> None:
        try:
            index()
        except BadInput as error:  # a folder that has gone may come back
            session.say(f"Waiting: {safe(str(error))}")

    return call


def _tell(report: IngestReport, labels: MetadataReport | None, session: Session) -> int:
    tell_report(report, session)
    if labels is not None:
        labels.changed += report.labelled
        tell_labels(labels, session)
    if session.as_json:
        session.write_json(report_as_json(report, labels))
    nothing_usable = not report.total and report.passed_over.pictures > 0
    return (
        SOME_FAILED if report.failed or report.kept or nothing_usable or (labels is not None and labels.unused) else 0
    )
