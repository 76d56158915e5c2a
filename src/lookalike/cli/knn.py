"""`lookalike knn`: nearest neighbours among vectors, without a collection."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.progress import counting
from lookalike.cli.session import Session, command, force_option
from lookalike.presentation.text import human_count, human_duration, safe

if TYPE_CHECKING:
    from lookalike.neighbours.compare import Comparison
    from lookalike.neighbours.result import KnnResult

MOST_ON_A_TERMINAL = 10


@command("knn")
@click.argument("base", metavar="BASE")
@click.argument("queries", metavar="QUERIES")
@click.option("-k", type=click.IntRange(min=1), default=3, show_default=True, help="How many neighbours to find.")
@click.option(
    "--metric",
    type=click.Choice(["cosine", "inner-product", "l2"]),
    default="cosine",
    show_default=True,
    help="How near two vectors are.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Processor, or graphics card.",
)
@click.option("--column", metavar="NAME", help="Of a Parquet file: the column of vectors.")
@click.option("-o", "--output", metavar="FILE", help="Write all neighbours, .parquet or .csv.")
@force_option()
@click.option("--exclude-self", is_flag=True, help="Where both files are the same: a row is not its own neighbour.")
@click.option("--compare", type=click.Choice(["sklearn"]), help="Let scikit-learn answer too, and compare.")
def knn_command(
    session: Session,
    base: str,
    queries: str,
    *,
    k: int,
    metric: str,
    device: str,
    column: str | None,
    output: str | None,
    force: bool,
    exclude_self: bool,
    compare: str | None,
) -> None:
    """Find the nearest rows among vectors.

    Those of BASE, for each row of QUERIES. Both are files of vectors, .npy or Parquet. Every row is compared, so the
    answer is exact. No collection is needed.
    """
    from lookalike.neighbours.knn import knn
    from lookalike.neighbours.result import check_neighbours_file
    from lookalike.settings import read_settings

    if output is not None:
        check_neighbours_file(output, searched=(base, queries), force=force)
    settings = read_settings(threads=session.threads, memory=session.memory)
    with counting(session, task="Comparing", things="rows") as compared:
        result = knn(
            base,
            queries,
            k,
            metric=metric,
            device=device,
            column=column,
            memory=settings.memory,
            threads=settings.threads,
            exclude_self=exclude_self,
            compare=compare,
            progress=compared,
        )
    if output is not None:
        result.save(output, force=force)
    if session.as_json:
        session.write_json(_as_json(result, output))
    elif output is None:
        session.write(_table(result, most=MOST_ON_A_TERMINAL if sys.stdout.isatty() else None))
    _tell(result, session, output)


def _as_json(result: KnnResult, output: str | None) -> dict[str, object]:
    facts: dict[str, object] = {
        "metric": str(result.metric),
        "device": result.device,
        "seconds": round(result.seconds, 4),
        "queries": len(result.rows),
        "proven": result.proven,
        "notes": list(result.notes),
        "comparison": None if result.comparison is None else asdict(result.comparison),
        "output": output,
    }
    if output is None:
        facts["neighbours"] = [_of_query(result, query) for query in range(len(result.rows))]
    return facts


def _of_query(result: KnnResult, query: int) -> list[dict[str, object]]:
    """The neighbours of a query, best first; a value that is too large for float32 is null."""
    pairs = zip(result.rows[query].tolist(), result.values[query].tolist(), strict=True)
    return [{"row": row, result.measure: value if math.isfinite(value) else None} for row, value in pairs if row >= 0]


def _table(result: KnnResult, *, most: int | None) -> str:
    """The neighbours of the first queries, one on a line."""
    columns = result.columns(0, most)
    cells = [[name, *map(_cell, column.tolist())] for name, column in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    lines = zip(*cells, strict=True)
    return "".join("  ".join(map(str.rjust, line, widths)) + "\n" for line in lines)


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _tell(result: KnnResult, session: Session, output: str | None) -> None:
    """What was done, in words."""
    count = len(result.rows)
    if output is None and not session.as_json and sys.stdout.isatty() and count > MOST_ON_A_TERMINAL:
        session.say(f"These are the first {MOST_ON_A_TERMINAL} queries of {count:,}: -o FILE keeps all.")
    for note in result.notes:
        session.say(f"Note: {safe(note)}.")
    where = "" if output is None else f" They are in {safe(output)}."
    took = human_duration(result.seconds)
    session.say(f"Found the neighbours of {human_count(count, 'vector')} on {result.device} in {took}.{where}")
    if result.comparison is not None:
        session.say(_describe_comparison(result.comparison))


def _describe_comparison(comparison: Comparison) -> str:
    agreement = (
        f"all values agree within {comparison.tolerance:g}"
        if comparison.agrees
        else f"the values do NOT agree: they differ by up to {comparison.largest_difference:.3g}"
    )
    return (
        f"{comparison.peer} took {human_duration(comparison.seconds)}, {comparison.speed_up:.2g} times as long; "
        f"{agreement}."
    )
