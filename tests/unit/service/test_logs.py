"""Lines of the log, for people and for programs."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lookalike.service.edge.request_id import _current
from lookalike.service.logs import set_up_logs

HOSTILE = "a\nb\x1b[31m\u202e"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "lookalike", "uvicorn.error")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    token = _current.set("an-id")
    yield
    _current.reset(token)
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def written(log_format: str, *, level: int = logging.INFO) -> str:
    stream, logger = io.StringIO(), logging.getLogger("lookalike.test")
    set_up_logs(log_format, level=level, stream=stream)
    logger.debug("a detail")
    logger.info("request %s", HOSTILE, extra={"fields": {"path": HOSTILE, "status": 200, "principal": None}})
    logger.error("it failed", exc_info=ValueError(HOSTILE))
    logging.getLogger("uvicorn.error").warning("WebSocket /x?secret")
    return stream.getvalue()


TALKATIVE = """
import logging, sys, time
from lookalike.service.logs import set_up_logs
set_up_logs("text")
logger = logging.getLogger("lookalike.test")
for n in range(30_000):
    logger.info("line %d %s", n, "x" * 100)
print("done", flush=True)
def wait():
    while any(one._lines or one._is_writing for one in logging.getLogger().handlers):
        time.sleep(0.01)
if sys.stdin.readline():
    wait()
    logger.info("the last")
    wait()
"""


def talking() -> subprocess.Popen[bytes]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", TALKATIVE], **pipes)


def test_a_log_that_nobody_reads_holds_up_neither_the_work_nor_the_end() -> None:
    with talking() as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"done\n"
        process.stdin.close()
        assert process.wait(30) == 0


def test_what_was_left_out_while_nobody_read_is_told() -> None:
    with talking() as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"done\n"
        process.stdin.write(b"go on\n")
        process.stdin.close()
        lines = process.stderr.read().splitlines()
        assert process.wait(30) == 0
    left_out = [int(line.split()[0]) for line in lines if b"left out" in line]
    assert sum(left_out) > 0
    assert len(lines) - len(left_out) + sum(left_out) == 30_001
    assert b"the last" in lines[-1]


def test_for_people_a_line_is_a_line_whatever_stands_in_it() -> None:
    first, second, *trace = written("text").splitlines()

    assert " info lookalike.test an-id request a\\nb\\x1b[31m\\u202e path=a\\nb\\x1b[31m\\u202e status=200" in first
    assert "principal" not in first
    assert second.endswith("error lookalike.test an-id it failed")
    assert all(line.startswith("    ") for line in trace)
    assert not set("\x1b\u202e") & set("".join(trace))


def test_for_programs_each_line_is_an_object() -> None:
    first, second = map(json.loads, written("json").splitlines())

    assert first["request_id"] == "an-id"
    assert (first["level"], first["logger"], first["status"]) == ("info", "lookalike.test", 200)
    assert first["message"] == f"request {HOSTILE}"
    assert first["time"].endswith("Z")
    assert "ValueError" in second["traceback"]


def test_the_level_can_be_chosen_and_the_servers_chatter_is_never_written() -> None:
    assert "a detail" in written("text", level=logging.DEBUG)
    assert "request" not in written("text", level=logging.ERROR)
    assert "WebSocket" not in written("text", level=logging.DEBUG)
