"""`lookalike search`: pictures out."""

from __future__ import annotations

from typing import Literal

import click

from lookalike.cli.hits import show_result
from lookalike.cli.meant import check_query_file
from lookalike.cli.session import Session, command, force_option
from lookalike.presentation.text import human_count, safe


@command("search")
@click.argument("query")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many pictures to find.")
@click.option("--where", multiple=True, metavar="FILTER", help="Only such pictures; of several filters all must hold.")
@click.option("--crop", metavar="X,Y,W,H", help="Search for a part: in pixels, or in shares such as 0.5,0,0.5,1.")
@click.option(
    "--collapse",
    type=click.Choice(["none", "group"]),
    default="none",
    help="Count once what looks nearly the same to the model.",
)
@click.option("--mixture", metavar="MODELS", help="Models of the collection, weighted, such as 'main + 0.5*fine'.")
@click.option("--rerank", metavar="WHOSE", help="Who looks at the best again: local, or a model.")
@click.option("--min-confidence", type=float, metavar="C", help="Leave out what more than 1 - C of random pairs reach.")
@click.option(
    "--allow-private-addresses", is_flag=True, default=None, help="Let a URL lead to this machine or its own network."
)
@click.option("--why", metavar="FILE", help="Draw why the first hit matches, into a .jpg or .png.")
@click.option("--sheet", metavar="FILE", help="Write a contact sheet, .jpg or .html.")
@force_option()
@click.option("--paths-only", is_flag=True, help="Print the files' exact names, one on a line.")
@click.option("-0", "--null", is_flag=True, help="With --paths-only: end names with a zero byte.")
@click.option("--pictures/--no-pictures", default=None, help="Show the pictures; default: where it can be.")
def search_command(
    session: Session,
    query: str,
    *,
    k: int,
    where: tuple[str, ...],
    crop: str | None,
    collapse: Literal["none", "group"],
    mixture: str | None,
    rerank: str | None,
    min_confidence: float | None,
    allow_private_addresses: bool | None,
    why: str | None,
    sheet: str | None,
    force: bool,
    paths_only: bool,
    null: bool,
    pictures: bool | None,
) -> None:
    """Find the pictures that look most like QUERY.

    QUERY is a file, an http(s) or file URL, - for standard input, the id of an indexed picture, or a sum such as
    "2*beach.jpg + sunset.jpg - people.jpg".
    """
    if null and not paths_only:
        raise click.UsageError(
            "-0 needs --paths-only, whose names it ends, but came alone: leave it out, or add --paths-only"
        )
    check_query_file(query)
    with session.open(model_soon=True, allow_private_addresses=allow_private_addresses) as collection:
        if why is not None or sheet is not None:
            from lookalike.cli.drawing import check_outputs

            check_outputs(collection, query, why=why, sheet=sheet, force=force)
        asked = _standard_input(session) if query == "-" and why is not None else query
        result = collection.search(
            asked,
            k=k,
            where=where,
            crop=crop,
            recall=session.recall,
            collapse=collapse,
            mixture=mixture,
            rerank=rerank,
            min_confidence=min_confidence,
        )
        if why is not None:
            from lookalike.cli.drawing import draw_why

            session.say(f"The drawing is {safe(str(draw_why(collection, query, asked, result, why, force=force)))}")
        if sheet is not None:
            session.say(f"The contact sheet is {safe(str(result.sheet(sheet, force=force)))}")
        if result.without_date:
            session.say(f"Left out for having no date: {human_count(result.without_date, 'picture')}.")
        if session.as_json:
            session.write_json({"query": query, **result.to_dict()})
        elif paths_only:
            session.write_names([hit.path for hit in result if hit.path is not None], null=null)
        else:
            show_result(result, session, pictures=pictures)


def _standard_input(session: Session) -> bytes:
    """For who needs it twice, to search and to draw."""
    from lookalike.search.standard_input import read_standard_input
    from lookalike.settings import read_settings

    return read_standard_input(max_bytes=read_settings(**session.limits).limits.max_bytes)
