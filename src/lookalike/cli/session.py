"""What holds for many commands: the options that may stand before or after their names, and the two ways out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource, augment_usage_errors

from lookalike.cli.once import check_given_once, given_twice, has_one_value

if TYPE_CHECKING:
    from lookalike.collection import Collection


_INDEXING = ("index", "search", "duplicates", "info", "import", "rebuild", "doctor", "demo")
_DECODING = ("index", "search", "duplicates", "model")

OBEYED_BY = {
    "collection": (*_INDEXING, "remove", "export", "model", "serve", "worker", "jobs", "backup"),
    "model": ("index", "search", "import", "doctor", "model", "demo"),
    **dict.fromkeys(("projection", "engine", "recall"), _INDEXING),
    "memory": (*_INDEXING, "knn"),
    "threads": (*_DECODING, "knn", "serve", "demo"),
    **dict.fromkeys(("max_pixels", "max_side", "max_bytes", "max_decode_bytes", "max_expansion"), _DECODING),
    "as_json": (
        *_INDEXING, "remove", "export", "model", "knn", "serve", "jobs", "key", "backup", "parity",
    ),
}  # fmt: skip
"""Option -> the commands for which it changes something; every command obeys the others."""


@dataclass(slots=True)
class Session:
    """The options that many commands know; what was not said is None, False or 0.

    Attributes:
        collection: folder of the collection.
        model: `auto`, `int8`, `fp32`, `fine`, or the path of an ONNX file.
        projection: `auto` or `off`.
        engine: `auto`, `exact`, `gpu` or a factory string of FAISS.
        recall: that an approximate index is to have.
        memory: that building an index may take, such as `4G`.
        threads: that read, decode and embed at once.
        limits: what one picture may cost, by the name of the setting, such as `max_pixels`.
        as_json: print data for programs.
        quiet: no progress and no messages, only errors.
        verbose: 1 tells what happens, 2 every detail.
        no_color: no colours and no links.
        debug: show the traceback of an error.
        said: the options that stood on the command line, by name: how each was spelled.
    """

    collection: str | None = None
    model: str | None = None
    projection: str | None = None
    engine: str | None = None
    recall: float | None = None
    memory: str | None = None
    threads: int | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False
    debug: bool = False
    said: dict[str, str] = field(default_factory=dict)

    def open(
        self,
        *,
        instead: str | None = None,
        create: bool = False,
        read_only: bool = False,
        model_soon: bool = False,
        in_memory: bool = False,
        allow_private_addresses: bool | None = None,
    ) -> Collection:
        """Open the collection that was named, else `instead`, else the usual one; see `lookalike.open`."""
        from lookalike.assembly.collection import IN_MEMORY, open_collection
        from lookalike.cli.waiting import waiting_of

        return open_collection(
            IN_MEMORY if in_memory else self.collection if self.collection is not None else instead,
            model=self.model,
            projection=self.projection,
            engine=self.engine,
            recall=self.recall,
            memory=self.memory,
            threads=self.threads,
            **self.limits,
            upkeep=False,
            create=create,
            read_only=read_only,
            model_soon=model_soon,
            allow_private_addresses=allow_private_addresses,
            waiting=waiting_of(self),
        )

    @property
    def color(self) -> bool:
        """Whether colours and links may be used where there is a terminal."""
        return not self.no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def say(self, text: str) -> None:
        """A message for people, on standard error; nothing when they asked for quiet."""
        if not self.quiet:
            sys.stdout.flush()
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def write(self, text: str) -> None:
        """Data for people, on standard output, as it is."""
        sys.stdout.write(text)

    def write_json(self, value: object) -> None:
        """Data for programs, on standard output: one JSON text, ASCII, so that any name survives."""
        sys.stdout.write(json.dumps(value, indent=2 if sys.stdout.isatty() else None, allow_nan=False) + "\n")

    def write_names(self, names: list[str], *, null: bool) -> None:
        """File names on standard output, exactly as the system has them, each with a newline or a zero byte behind."""
        end = b"\0" if null else b"\n"
        sys.stdout.flush()
        sys.stdout.buffer.write(b"".join(os.fsencode(name) + end for name in names))


def common_options() -> list[click.Option]:
    """The options of a `Session`, which note what was said, and hand nothing on."""
    return [
        _option("-c", "--collection", metavar="PATH", help="Folder of the collection."),
        _option("--model", metavar="MODEL", help="auto, int8, fp32, fine, or an ONNX file."),
        _option("--projection", type=click.Choice(["auto", "off"]), help="Learn one from the collection, or none."),
        _option("--engine", metavar="ENGINE", help="Of the index: auto, exact, gpu, or a factory of FAISS."),
        _option("--recall", type=float, metavar="R", help="Share of the true nearest to find, up to 1."),
        _option("--memory", metavar="SIZE", help="That building an index may take, such as 4G."),
        _option("--threads", type=click.IntRange(min=1), metavar="N", help="How many threads read, decode and embed."),
        *limit_options(),
        _option("--json", "as_json", is_flag=True, help="Print data for programs."),
        _option("-q", "--quiet", is_flag=True, help="No progress and no messages, only errors."),
        _option("-v", "--verbose", count=True, help="Tell more; twice for every detail."),
        _option("--no-color", is_flag=True, help="No colours and no links (also: NO_COLOR)."),
        _option("--debug", is_flag=True, help="Show the traceback of an error."),
    ]


def limit_options() -> list[click.Option]:
    """What one picture may cost."""
    return [
        _option("--max-pixels", metavar="N", help="Refuse pictures of more pixels."),
        _option("--max-side", metavar="N", help="Refuse pictures with a longer side, in pixels."),
        _option("--max-bytes", metavar="SIZE", help="Refuse larger files, such as 500M."),
        _option("--max-decode-bytes", metavar="SIZE", help="Refuse pictures that take more memory to decode."),
        _option("--max-expansion", metavar="N", help="Refuse pictures that take more of it for each byte of the file."),
    ]


def force_option() -> Callable[[Callback], Callback]:
    """Of the commands that write a file where the user says."""
    return click.option("--force", is_flag=True, help="Overwrite whatever file is there.")


def _option(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_note, **settings)


def _note(context: click.Context, parameter: click.Parameter, value: object) -> None:
    name = str(parameter.name)
    if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
        return
    session = context.ensure_object(Session)
    if name in session.said and has_one_value(parameter):
        raise click.UsageError(given_twice(parameter, context, "before and behind the command's name"), context)
    session.said[name] = max(parameter.opts, key=len)
    if name.startswith("max_"):
        session.limits[name] = str(value)
    else:
        setattr(session, name, value)


class Command(click.Command):
    """A command that knows the options it obeys; it gets the `Session` first and gives the exit code, None for 0."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.extend(one for one in common_options() if is_obeyed(str(one.name), by=str(self.name)))
        self.allow_extra_args = True  # to say what was expected in their place

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the command line.

        Raises:
            UsageError: when it cannot be understood, says something twice, or has more arguments than the command
                takes.
        """
        with augment_usage_errors(context):  # so that they point to the help of this command
            if not context.resilient_parsing:
                check_values_given(context, args)
                check_given_once(context, args)
            rest = super().parse_args(context, args)
        if rest and not context.resilient_parsing:
            taken = " ".join(one.make_metavar(context) for one in self.params if isinstance(one, click.Argument))
            got = ", ".join(map(repr, rest))
            expected = f"Expected {taken}, and got {got} as well" if taken else f"Expected no argument, got {got}"
            context.fail(f"{expected}: leave that out, or quote what belongs together.")
        return rest

    def invoke(self, context: click.Context) -> int | None:
        """Call what the command is for.

        Raises:
            UsageError: when an option stands before its name that it does not obey.
        """
        from lookalike.cli.logs import tell_logs

        session = context.ensure_object(Session)
        for name, spelled in session.said.items():
            if not is_obeyed(name, by=str(self.name)):
                raise click.UsageError(not_obeyed(spelled, OBEYED_BY[name]), context)
        tell_logs(session)
        return cast("int | None", super().invoke(context))


def names_of_options(command: click.Command, *, with_value: bool) -> set[str]:
    """How a command's options are spelled: all of them, or those alone that take a value."""
    options = [one for one in command.params if isinstance(one, click.Option)]
    return {
        name
        for one in options
        for name in (*one.opts, *one.secondary_opts)
        if not (with_value and (one.is_flag or one.count))
    }


def check_values_given(context: click.Context, args: Sequence[str]) -> None:
    """Refuse an option in the place of a value, which otherwise would be taken for it.

    Raises:
        UsageError: when there is one.
    """
    known = names_of_options(context.command, with_value=False)
    with_value = names_of_options(context.command, with_value=True)
    n = 0
    while n < len(args) and args[n] != "--" and (context.allow_interspersed_args or args[n].startswith("-")):
        name, following = args[n], args[n + 1 : n + 2]
        if name in with_value and following and following[0] in known:
            context.fail(
                f"Option {name!r} requires an argument, and got the option {following[0]!r} in its place: write the "
                "argument "
                f"behind {name}."
            )
        n += 2 if name in with_value else 1


def is_obeyed(option: str, *, by: str) -> bool:
    """Whether an option of a `Session` changes something for a command."""
    return by in OBEYED_BY.get(option, (by,))


def not_obeyed(spelled: str, obeyed_by: Sequence[str]) -> str:
    """What to say where an option stands that the command does not obey."""
    known = f"{', '.join(obeyed_by[:-1])} and {obeyed_by[-1]}"
    return f"No such option {spelled!r} here: it is one of {known}; leave it out."


Callback = Callable[..., "int | None"]


def command(name: str) -> Callable[[Callback], click.Command]:
    """Make a command of a function whose first argument is the `Session`."""

    def decorate(callback: Callback) -> click.Command:
        return click.command(name, cls=Command)(click.make_pass_decorator(Session, ensure=True)(callback))

    return decorate
