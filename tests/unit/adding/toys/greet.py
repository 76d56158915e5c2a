"""`lookalike greet`: tells how many pictures there are, in a friendly way."""

from __future__ import annotations

from lookalike.cli.session import Session, command


@command("greet")
def greet_command(session: Session) -> None:
    """Greet whoever asks."""
    with session.open() as collection:
        count = len(collection)
    if session.as_json:
        session.write_json({"pictures": count})
    else:
        session.write(f"Good morning from {count} pictures.")
