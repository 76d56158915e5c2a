"""Lines of the log: for people, or as JSON for programs; each with the id of its request."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from lookalike.presentation.text import safe
from lookalike.service.edge.request_id import current_request_id
from lookalike.service.log_writing import AsideHandler

_SERVER = "uvicorn.error"
"""Its lines below errors tell of addresses with their queries, and of clients that speak no HTTP."""


def set_up_logs(log_format: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Write what the parts tell to standard error; where nobody reads that, the service goes on.

    Args:
        log_format: `text` or `json`.
        level: the least that is written, of `logging`.
        stream: to write to instead.
    """
    handler = AsideHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    for name, least in (("", logging.WARNING), ("lookalike", level), (_SERVER, logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(least)
        logger.propagate = False


class TextLines(logging.Formatter):
    """`2026-01-31T12:00:00.000Z info lookalike.service.edge.access_log 4f… request method=GET status=200`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows on lines of its own, indented."""
        said = [_time(record), record.levelname.lower(), record.name, current_request_id() or "-"]
        said.append(safe(record.getMessage()))
        said += [f"{name}={_plain(value)}" for name, value in _fields(record).items() if value is not None]
        return "\n    ".join((" ".join(said), *_traceback(self, record)))


class JsonLines(logging.Formatter):
    """One JSON object a line, ASCII: `time, level, logger, process, request_id, message`, the fields, `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "request_id": current_request_id() or None,
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := _traceback(self, record):
            said["traceback"] = "\n".join(trace)
        return json.dumps(said, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, Mapping) else {}


def _plain(value: object) -> str:
    text = safe(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=') else text


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    if not record.exc_info:
        return []
    return [safe(line) for line in formatter.formatException(record.exc_info).splitlines()]
