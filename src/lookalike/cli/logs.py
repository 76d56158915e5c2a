"""What the parts tell each other, shown to people who ask for it with -v."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from lookalike.cli.session import Session

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def tell_logs(session: Session) -> None:
    """Show log lines on standard error: warnings always, more with -v and -vv, only errors with -q."""
    logger = logging.getLogger("lookalike")
    logger.handlers = [_Lines()]
    logger.setLevel(logging.ERROR if session.quiet else _LEVELS[min(session.verbose, len(_LEVELS) - 1)])


class _Lines(logging.Handler):
    """Writes to what standard error is at that moment, which a progress bar may have replaced; names made safe."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{record.levelname.lower()}: {safe(self.format(record))}\n")
