"""`lookalike rebuild`: the index is made anew, now."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.info import index_facts, write_facts
from lookalike.cli.session import Session, command
from lookalike.presentation.text import human_duration

if TYPE_CHECKING:
    from lookalike.view.facts import IndexFacts


@command("rebuild")
@click.option("--learn", is_flag=True, help="Learn the projection anew, too: similarities change a little.")
def rebuild_command(session: Session, *, learn: bool) -> None:
    """Make the index anew and tell what it is.

    With --engine, --recall, --memory and --projection it is made as they say. It answers as the one before, unless
    --learn is given.
    """
    with session.open() as collection:
        begun_s = time.monotonic()
        facts = collection.rebuild(learn=learn)
        seconds = time.monotonic() - begun_s
    if session.as_json:
        session.write_json({**asdict(facts), "seconds": round(seconds, 3)})
    else:
        write_facts({**index_facts(facts), "made in": human_duration(seconds)}, session)
    _tell_how_to_keep(facts, session)


def _tell_how_to_keep(facts: IndexFacts, session: Session) -> None:
    """An engine on the command line holds for one command: the next would go back to that of the settings."""
    said = {"engine": session.engine, "projection": session.projection}
    lines = [f'{name} = "{value}"' for name, value in said.items() if value is not None]
    if lines and facts.count:
        session.say(f"To keep to it, put {' and '.join(lines)} into lookalike.toml, or say it with every command.")
