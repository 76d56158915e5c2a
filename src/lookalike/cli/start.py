"""Where the process begins: while the rest is imported, Ctrl-C ends it at once, as nothing was begun."""

from __future__ import annotations

import signal


def main() -> None:
    """Import the command line and run it."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so under `nohup`, or in a background
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lookalike.cli.main import main as run_and_end

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_and_end()
