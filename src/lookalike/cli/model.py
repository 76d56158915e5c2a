"""`lookalike model`: what turns pictures into vectors, and further models beside it."""

from __future__ import annotations

from dataclasses import asdict

import click

from lookalike.cli.ingest_summary import tell_some
from lookalike.cli.progress import counting
from lookalike.cli.session import Session, command
from lookalike.cli.words import check_words
from lookalike.core.errors import ModelUnavailable
from lookalike.presentation.text import human_count, human_duration, safe

SOME_FAILED = 3

_NAMED = {"card": (), "path": (), "list": (), "add": ("NAME", "SOURCE"), "drop": ("NAME",)}


@command("model")
@click.argument("what", type=click.Choice(list(_NAMED)), default="card")
@click.argument("names", nargs=-1, metavar="[NAME [SOURCE]]")
def model_command(session: Session, what: str, names: tuple[str, ...]) -> int:
    """Show the model, and keep further ones.

    card and path tell of the collection's own model; where there is none yet, the model that one would be made with.
    list names the further ones. add NAME SOURCE computes the vectors that pictures lack of a further model: int8, fp32,
    fine or an ONNX file. drop NAME forgets one. In Python,
    lookalike.adapt makes such a file of a model that expects a mean and a deviation.
    """
    check_words("model", what, _NAMED[what], names)
    if what == "add":
        return _add(session, *names)
    if what == "drop":
        _drop(session, *names)
    elif what == "list":
        _list(session)
    else:
        _show(session, path_only=what == "path")
    return 0


def _show(session: Session, *, path_only: bool) -> None:
    from lookalike.assembly.models import open_model

    card, path = open_model(session.collection, model=session.model)
    if session.as_json:
        session.write_json({**asdict(card), "path": str(path) if path is not None else None})
    elif path_only:
        if path is None:
            raise ModelUnavailable(
                "the model cannot be shown as a file, for the cache folder cannot be written: set "
                "XDG_CACHE_HOME to one that can"
            )
        session.write_names([str(path)], null=False)
    else:
        facts = {**asdict(card), "path": path if path is not None else "in memory"}
        session.write("".join(f"{name:<12}{safe(str(value))}\n" for name, value in facts.items()))


def _list(session: Session) -> None:
    with session.open() as collection:
        models, count = collection.models(), len(collection)
    if session.as_json:
        session.write_json({"images": count, "models": [asdict(model) for model in models]})
        return
    width = max((len(model.name) for model in models), default=0)
    session.write(
        "".join(
            f"{model.name:<{width}}  {model.model_id[:12]}  {model.dimension} dimensions  "
            f"{model.count:,} of {human_count(count, 'picture')}\n"
            for model in models
        )
    )
    if not models:
        session.say("No further models: lookalike model add NAME SOURCE")


def _add(session: Session, name: str, source: str) -> int:
    from lookalike.cli.stopping import stopping_cleanly

    with stopping_cleanly(), session.open() as collection, counting(session, task="Embedding") as done:
        report = collection.add_model(
            name, source, progress=None if done is None else lambda report: done(report.done, report.total)
        )
    session.say(
        f"Done: {human_count(report.embedded, 'picture')} embedded by {safe(name)}, "
        f"in {human_duration(report.seconds)}."
    )
    if report.failed:
        session.say(f"{human_count(len(report.failed), 'picture')} could not be used:")
        tell_some([f"{failure.path}: {failure.reason} ({failure.code})" for failure in report.failed], session)
    if session.as_json:
        session.write_json(asdict(report))
    return SOME_FAILED if report.failed else 0


def _drop(session: Session, name: str) -> None:
    with session.open() as collection:
        collection.drop_model(name)
    session.say(f"Forgotten: {safe(name)} and its vectors.")
    if session.as_json:
        session.write_json({"dropped": name})
