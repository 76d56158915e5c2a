"""`lookalike model`: what turns pictures into vectors."""

from __future__ import annotations

from dataclasses import asdict

import click

from lookalike.cli.session import Session, command
from lookalike.core.errors import ModelUnavailable
from lookalike.presentation.text import safe


@command("model")
@click.argument("what", type=click.Choice(["card", "path"]), default="card")
def model_command(session: Session, what: str) -> None:
    """Show the card or the path of the model.

    It is the collection's; where there is none yet, the model that one would be made with.
    """
    from lookalike.assembly import open_model

    card, path = open_model(session.collection, model=session.model)
    if session.as_json:
        session.write_json({**asdict(card), "path": str(path) if path is not None else None})
    elif what == "path":
        if path is None:
            raise ModelUnavailable("the model lies in no file, for the cache folder cannot be written")
        session.write_names([str(path)], null=False)
    else:
        facts = {**asdict(card), "path": path if path is not None else "in memory"}
        session.write("".join(f"{name:<12}{safe(str(value))}\n" for name, value in facts.items()))
