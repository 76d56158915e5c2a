"""What counts as this machine itself, and which pages may ride on its trust."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from lookalike.service.access.loopback import is_loopback_address, is_loopback_host, is_welcome_origin, may_ride
from tests.unit.service.access.minting import settings

OURS = {"host": "127.0.0.1:8080"}


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_addresses_of_this_machine(address: str) -> None:
    assert is_loopback_address(address)


@pytest.mark.parametrize(
    "address",
    ["", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "127.1", "localhost", "2130706433", "127.0.0.1 "],
)
def test_addresses_that_are_not(address: str) -> None:
    assert not is_loopback_address(address)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "localhost.", "a.localhost:1", "127.0.0.1", "127.0.0.1:80", "[::1]:8080"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:8080",
        "evillocalhost",
        "localhost@evil.example",
        "[::1",
        "0.0.0.0:8080",
        "192.168.1.2",
    ],
)
def test_names_that_may_lead_elsewhere(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    ("origin", "is_welcome"),
    [
        (None, True),
        ("http://photos.example:8080", True),
        ("https://photos.example:8080", True),
        ("http://PHOTOS.example:8080", True),
        ("https://app.example", True),
        ("", False),
        ("null", False),
        ("http://photos.example", False),
        ("http://photos.example:8081", False),
        ("http://photos.example:8080.evil.example", False),
        ("http://evil.example", False),
        ("http://app.example", False),
        ("https://app.example.evil.example", False),
        ("https://sub.app.example", False),
        ("file://photos.example:8080", False),
        ("photos.example:8080", False),
        ("http://[", False),
    ],
)
def test_pages_of_our_own_host_and_from_the_list_are_welcome(origin: str | None, is_welcome: bool) -> None:
    host = "photos.example:8080"
    assert is_welcome_origin(origin, host=host, cors_origins=("https://app.example",)) is is_welcome


def test_no_host_welcomes_no_page() -> None:
    assert not is_welcome_origin("http://", host="", cors_origins=())


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        (OURS, True),
        ({"host": "localhost:8080"}, True),
        ({**OURS, "origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}, True),
        ({**OURS, "sec-fetch-site": "none"}, True),
        ({**OURS, "origin": "https://app.example", "sec-fetch-site": "cross-site"}, True),
        ({}, False),
        ({"host": "evil.example:8080"}, False),
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080", "sec-fetch-site": "same-origin"}, False),
        ({**OURS, "origin": "http://evil.example"}, False),
        ({**OURS, "origin": "null"}, False),
        ({**OURS, "origin": "http://localhost:8080"}, False),
        ({**OURS, "origin": "http://127.0.0.1:3000"}, False),
        ({**OURS, "sec-fetch-site": "cross-site"}, False),
        ({**OURS, "sec-fetch-site": "same-site"}, False),
        ({**OURS, "x-forwarded-for": "203.0.113.5"}, False),
        ({**OURS, "forwarded": "for=203.0.113.5"}, False),
        ({**OURS, "via": "1.1 proxy"}, False),
    ],
    ids=str,
)
def test_foreign_pages_and_proxies_do_not_ride_on_the_trust_of_this_machine(
    tmp_path: Path, headers: dict[str, str], may: bool
) -> None:
    assert may_ride(Headers(headers), settings(tmp_path, cors_origins=("https://app.example",))) is may


@pytest.mark.parametrize(
    ("noted", "may"),
    [
        (["127.0.0.1"], True),
        (["127.0.0.1, ::1"], True),
        (["203.0.113.5"], False),
        (["127.0.0.1, 203.0.113.5"], False),
        (["127.0.0.1", "203.0.113.5"], False),
        (["unknown"], False),
        ([""], False),
    ],
    ids=str,
)
def test_behind_a_trusted_proxy_all_that_it_comes_from_must_be_this_machine(
    tmp_path: Path, noted: list[str], may: bool
) -> None:
    raw = [(b"host", b"127.0.0.1:8080"), *((b"x-forwarded-for", value.encode()) for value in noted)]
    assert may_ride(Headers(raw=raw), settings(tmp_path, trusted_proxies=("10.0.0.5",))) is may
    assert not may_ride(Headers(raw=raw), settings(tmp_path))
