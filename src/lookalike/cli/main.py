"""The entry: finds the command, runs it, and turns every error into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO, cast

import click
from click.shell_completion import shell_complete

from lookalike import __version__
from lookalike.cli.meant import dashed_path, no_such_command, no_such_option
from lookalike.cli.once import check_given_once
from lookalike.cli.session import Session, check_values_given, common_options, names_of_options
from lookalike.core.errors import STOPPED, Interrupted, LookalikeError, StorageFailed, missing_extra
from lookalike.presentation.text import safe

PROGRAM = "lookalike"
COMPLETE = "_LOOKALIKE_COMPLETE"
"""The variable through which a shell asks for completions."""

COMMANDS = {
    "index": "index",
    "search": "search",
    "remove": "remove",
    "info": "info",
    "duplicates": "duplicates",
    "knn": "knn",
    "rebuild": "rebuild",
    "doctor": "doctor",
    "export": "transfer",
    "import": "transfer",
    "model": "model",
    "serve": "serve",
    "worker": "worker",
    "jobs": "jobs",
    "key": "key",
    "backup": "backup",
    "parity": "parity",
    "demo": "demo",
    "completion": "completion",
}
"""Name of a command -> its module; a module that is not needed is not imported."""

USAGE = 2


class Program(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Their names, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return None
        module = import_module(f"lookalike.cli.{COMMANDS[name]}")
        return cast(click.Command, getattr(module, f"{name}_command"))

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the command.

        Raises:
            UsageError: when an option in it has no value, or more than one.
        """
        if not context.resilient_parsing:
            check_values_given(context, args)
            check_given_once(context, args)
        return super().parse_args(context, args)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, else what may have been meant."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            context.fail(no_such_command(args[0], COMMANDS))
        return super().resolve_command(context, args)


program = Program(
    PROGRAM,
    help="Search by image: index a folder of pictures, then find those that look alike.",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        *common_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda context, _, wanted: _tell_version(context) if wanted else None,
            help="Tell the version.",
        ),
    ],
)


def main() -> None:
    """Run the command that the process was started with, and end the process."""
    sys.stdout, sys.stderr = _writable(sys.stdout), _writable(sys.stderr)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Args:
        arguments: what stands behind the program's name.
    Returns:
        the exit code, see `docs/reference/cli.md`.
    """
    session = Session()
    try:
        code = _ran(arguments, session)
        sys.stdout.flush()
    except BrokenPipeError:  # as in `lookalike search … | head -1`: who reads has seen enough
        _forget_output()
        return 0
    except OSError as error:
        return _tell_failure(StorageFailed(f"input or output failed: {error}"), session)
    except KeyboardInterrupt:
        return _tell_failure(Interrupted(STOPPED), session)
    except LookalikeError as error:
        return _tell_failure(error, session)
    except Exception as error:
        return _tell_failure(_translate(error, session), session)
    return code


def _translate(error: Exception, session: Session) -> LookalikeError:
    """What is told of an error of others: which extra is missing, where it is that."""
    if isinstance(error, ImportError) and (missing := missing_extra(error)) is not None:
        return missing
    advice = "report it, with the traceback above" if session.debug else "run it again with --debug to see where"
    return LookalikeError(f"an error that was not foreseen, {type(error).__name__}: {error}; {advice}")


def _writable(stream: TextIO | None) -> TextIO:
    """The stream, taking any character; nowhere, where the process was started without one (`>&-`)."""
    if stream is None:
        return open(os.devnull, "w")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _help_asked(arguments: list[str]) -> list[str]:
    """`lookalike [OPTIONS] help [COMMAND]`, and `lookalike --help COMMAND`, in the words that click knows.

    Raises:
        UsageError: when there are more words than that, or any behind `--version`.
    """
    n = _options_before(arguments)
    before, behind = arguments[:n], arguments[n:]
    if "--version" in before:
        _check_no_more(behind, "no argument with --version")
    if behind[:1] == ["help"]:
        _check_no_more(behind[2:], "one command behind help")
        return [*before, *(one for one in behind[1:] if one != "help"), "--help"]
    if behind and behind[0] in COMMANDS and not {"-h", "--help"}.isdisjoint(before):
        return [*(one for one in before if one not in ("-h", "--help")), behind[0], "--help"]
    return arguments


def _check_no_more(arguments: Sequence[str], expected: str) -> None:
    if words := [one for one in arguments if not one.startswith("-")]:
        raise click.UsageError(f"Expected {expected}, and got {', '.join(map(repr, words))} as well: leave it out.")


def _options_before(arguments: list[str]) -> int:
    """How many arguments stand before the command: options, and the values of those that take one."""
    with_value = names_of_options(program, with_value=True)
    n = 0
    while n < len(arguments) and arguments[n].startswith("-"):
        n += 2 if arguments[n] in with_value else 1
    return n


def _ran(arguments: Sequence[str], session: Session) -> int:
    if instruction := os.environ.get(COMPLETE):
        return shell_complete(program, {}, PROGRAM, COMPLETE, instruction)
    try:
        with program.make_context(PROGRAM, _help_asked(list(arguments)), obj=session) as context:
            return program.invoke(context) or 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        _tell_error(_usage_told(error, arguments))
        return USAGE
    except click.Abort as error:
        raise KeyboardInterrupt from error


def _usage_told(error: click.UsageError, arguments: Sequence[str]) -> str:
    context, unknown = error.ctx, error if isinstance(error, click.NoSuchOption) else None
    told = no_such_option(unknown) if unknown else error.format_message()
    here = context.command if context else program
    with_value = names_of_options(here, with_value=True) | names_of_options(program, with_value=True)
    letter = unknown.option_name[1:] if unknown and unknown.option_name[:2] != "--" else ""
    path = dashed_path(arguments, with_value, letter=letter)
    message = told.replace("\n\t", " ")  # click lists choices on lines of their own
    return f"{message}{path} (see {context.command_path if context else PROGRAM} --help)"


def _tell_failure(error: LookalikeError, session: Session) -> int:
    if session.debug:
        import traceback

        traceback.print_exc()
    _tell_error(str(error))
    return error.exit_code


def _tell_error(message: str) -> None:
    with suppress(OSError):
        sys.stdout.flush()
    with suppress(OSError):
        sys.stderr.write(f"{PROGRAM}: {safe(message)}\n")


def _forget_output() -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_version(context: click.Context) -> None:
    sys.stdout.write(f"{PROGRAM} {__version__}\n")
    context.exit()
