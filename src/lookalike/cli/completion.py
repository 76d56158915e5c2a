"""`lookalike completion`: words that the shell fills in."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from lookalike.cli.session import Session, command


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, session: Session, shell: str) -> None:
    """Print what makes a shell fill in words.

    For example: eval "$(lookalike completion bash)" in ~/.bashrc.
    """
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(
            f"Expected a shell that click can complete for, got {shell}: write its completion by hand"
        )
    root = context.find_root()
    variable = f"_{root.info_name}_COMPLETE".upper()
    session.write(script(root.command, {}, str(root.info_name), variable).source())
