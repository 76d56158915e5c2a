"""What a command line may say only once: of an option given twice the last would win, and nobody would be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

_FOR_SEVERAL = {
    ("collection", "serve"): "--home FOLDER serves all collections of a folder",
    ("collection", "backup"): "--home FOLDER copies all collections of a folder",
}
"""Option and command -> what does it for several."""


def check_given_once(context: click.Context, args: Sequence[str]) -> None:
    """Refuse an option of one value that was given twice. Flags, which say the same twice, may be.

    Raises:
        UsageError: when one was, or when what stands there cannot be read at all.
    """
    _, _, order = context.command.make_parser(context).parse_args(args=list(args))
    for parameter, count in Counter(order).items():
        if count > 1 and has_one_value(parameter):
            context.fail(given_twice(parameter, context, f"{count} times"))


def given_twice(option: click.Parameter, context: click.Context, came: str) -> str:
    """What to say of an option that was given more than once."""
    spelled = max(option.opts, key=len)
    other = "/" + max(option.secondary_opts, key=len) if option.secondary_opts else ""
    several = _FOR_SEVERAL.get((str(option.name), str(context.info_name)))
    advice = f"; {several}" if several else ""
    return f"Expected {spelled}{other} once, got it {came}: leave out all but one{advice}."


def has_one_value(parameter: click.Parameter) -> bool:
    """Whether it is an option of which one value counts. Not so a flag, which says the same when it is said twice."""
    if not isinstance(parameter, click.Option) or parameter.multiple or parameter.count:
        return False
    return not parameter.is_flag or bool(parameter.secondary_opts)
