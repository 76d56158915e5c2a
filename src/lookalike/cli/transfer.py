"""`lookalike export` and `lookalike import`: one file holds a collection, so that nothing is embedded twice."""

from __future__ import annotations

from dataclasses import asdict

import click

from lookalike.cli.hits import short_path
from lookalike.cli.progress import counting
from lookalike.cli.session import Session, command, force_option
from lookalike.presentation.text import human_count, safe


@command("export")
@click.argument("file", metavar="FILE")
@force_option()
@click.option("--where", multiple=True, metavar="FILTER", help="Only such pictures; of several filters all must hold.")
def export_command(session: Session, file: str, *, where: tuple[str, ...], force: bool) -> None:
    """Write a collection into one file.

    Its name says the form: .parquet and .jsonl (or .ndjson) hold ids, paths, metadata and vectors, so that `lookalike
    import` embeds nothing again; .csv holds all but vectors, .npy vectors alone, .npz vectors and ids.
    """
    with session.open() as collection, counting(session, task="Exporting") as done:
        count = collection.export_to(file, where=where, progress=done, force=force)
    session.say(f"Exported {human_count(count, 'picture')} to {safe(short_path(file))}.")
    if session.as_json:
        session.write_json({"exported": count, "path": file})


@command("import")
@click.argument("file", metavar="FILE")
def import_command(session: Session, file: str) -> None:
    """Take in what an export has written.

    A .parquet or .jsonl file. The pictures themselves are not needed. A new collection is made with the model of the
    file; where that did not come with the install, name it with --model.
    """
    from lookalike.assembly.models import model_for_import

    session.model = model_for_import(file, path=session.collection, model=session.model)
    with session.open(create=True) as collection, counting(session, task="Importing") as done:
        report = collection.import_from(file, progress=done)
    session.say(
        f"Imported: {report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{human_count(report.files, 'new file')}."
    )
    if session.as_json:
        session.write_json(asdict(report))
