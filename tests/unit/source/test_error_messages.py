"""Errors say what was expected, what came, and what to do: all of them, whoever they are told by.

`error_messages` finds the places that make one of our errors, with the texts that each can have; `error_rule` says what
a text has to say. A place counts as lacking where one of its texts lacks a part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.catalog.sqlite.errors import _BY_CODE as CATALOG_BY_CODE
from lookalike.core.errors import LookalikeError
from lookalike.storage.sqlite.errors import BY_CODE
from tests.unit.source.error_messages import TELLING, Site, error_classes, sites
from tests.unit.source.error_rule import Part, lacks

_OPENAPI = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"

EXPECTED, CAME, TO_DO = Part.EXPECTED, Part.CAME, Part.TO_DO


@pytest.fixture(scope="module")
def found() -> list[Site]:
    return sites()


def _lacking(site: Site) -> list[str]:
    return [f"{site}: {text} [{', '.join(sorted(lacks(text)))}]" for text in site.texts if lacks(text)]


def test_every_error_says_all_three(found: list[Site]) -> None:
    told = [line for site in found for line in _lacking(site)[:1]]
    assert not told, "\n".join(told)


def test_the_examples_of_the_api_say_all_three() -> None:
    details = [text for text in _details(json.loads(_OPENAPI.read_text())) if text]
    assert len(details) > 20
    told = {text: sorted(lacks(text)) for text in details if lacks(text)}
    assert told == {}


def _details(node: object) -> Iterator[str]:
    """Every message of an example."""
    if isinstance(node, dict):
        if isinstance(node.get("detail"), str) and "code" in node:
            yield node["detail"]
        yield from (text for one in node.values() for text in _details(one))
    elif isinstance(node, list):
        yield from (text for one in node for text in _details(one))


def test_what_is_said_of_errors_of_databases_has_all_three() -> None:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    from lookalike.storage.postgres.errors import BY_STATE

    said = [what for _, what in [*BY_CODE.values(), *CATALOG_BY_CODE.values(), *BY_STATE.values()]]
    lacking = {what: sorted(lacks(f"«path»: {what} («error»)")) for what in said}
    assert {what: parts for what, parts in lacking.items() if parts} == {}


def test_the_walk_finds_every_class_of_error_and_many_places(found: list[Site]) -> None:
    assert len(found) > 700
    assert LookalikeError in error_classes().values()
    assert {site.kind for site in found} >= {"BadInput", "BadFilter", "ImageRefused", "InvalidBody", "MissingExtra"}
    assert {site.kind for site in found} >= set(TELLING)


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("expected k of at least 1, got «k»; leave it out for the usual 10", set()),
        ("expected k of at least 1, got «k»", {TO_DO}),
        ("expected k of at least 1, got «k»; give k of at least 1", {TO_DO}),
        ("expected k of at least 1, got «k»: use another one", {TO_DO}),
        ("expected k of at least 1; leave it out for the usual 10", {CAME}),
        ("expected k of at least 1, expected k of at least 1; leave it out for the usual 10", {CAME}),
        ("got «k»; leave it out for the usual 10", {EXPECTED}),
        ("unknown model «name»; known are «models»; add one with `lookalike model add NAME FILE`", set()),
        ("unknown model «name»; known are «models»", {TO_DO}),
        ("«folder» cannot be written: «error»; make room there", set()),
        ("«folder» cannot be written: «error»", {TO_DO}),
        ("there is no collection at «folder»: make one with `lookalike index FOLDER`", set()),
        ("there is no collection at «folder»", {TO_DO}),
        ("there is no collection at «folder»: did you mean «meant»?", set()),
        ("the picture is bad", {EXPECTED, CAME, TO_DO}),
        ("an error that should not be", {CAME, TO_DO}),
        ("", {EXPECTED, CAME, TO_DO}),
    ],
)
def test_a_message_has_to_say_all_three_and_an_echo_is_no_advice(message: str, missing: set[Part]) -> None:
    assert lacks(message) == missing
