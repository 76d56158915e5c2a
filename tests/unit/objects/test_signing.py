"""The signature of a URL covers all that it says, and where it leads."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from lookalike.core.errors import BadInput, NotAllowed
from lookalike.objects.signing import Announced, SignedUrls

ID, SHA256 = "a" * 32, "b" * 64
HEADERS = {"Content-Length": "7", "Content-Type": "image/png"}


def urls(*, secret: bytes = b"s" * 32, prefix: str = "/v1/storage") -> SignedUrls:
    return SignedUrls(secret, prefix, clock=lambda: 0.0)


def query_of(made_by: SignedUrls) -> dict[str, str]:
    put = made_by.presign(ID, size_bytes=7, content_type="image/png", sha256=SHA256, expires_at=1.5)
    assert urlsplit(put.url).path == f"{made_by.url_prefix}/{ID}"
    return dict(parse_qsl(urlsplit(put.url).query))


def test_a_url_says_what_was_announced() -> None:
    assert urls().check(ID, query=query_of(urls()), headers=HEADERS) == Announced(7, SHA256)


@pytest.mark.parametrize("other", [urls(secret=b"t" * 32), urls(prefix="/v1/storage/other")])
def test_a_url_of_another_secret_or_another_place_is_worth_nothing(other: SignedUrls) -> None:
    with pytest.raises(NotAllowed):
        urls().check(ID, query=query_of(other), headers=HEADERS)


def test_a_weak_secret_is_refused_and_a_good_one_never_shown() -> None:
    with pytest.raises(BadInput, match="at least 32"):
        urls(secret=b"s" * 31)
    assert "ssss" not in repr(urls())
