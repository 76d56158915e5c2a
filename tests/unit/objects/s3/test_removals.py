"""What removed collections have left in a bucket goes, whoever dies meanwhile, and nothing else does."""

from __future__ import annotations

import pytest

from chain.s3_server import S3Server
from lookalike.core.errors import BadInput
from lookalike.objects.s3 import S3Objects
from lookalike.objects.s3_removals import S3Removals
from lookalike.objects.s3_requests import S3Requests
from lookalike.objects.s3_uploads import S3Uploads
from tests.servers.s3 import new_bucket


def test_all_bytes_of_a_collection_go_and_those_of_others_stay(s3_server: S3Server) -> None:
    bucket = new_bucket(s3_server)
    gone, stays = (S3Objects(bucket.under(word)) for word in ("ab12", "ab123"))
    ids = [gone.put(b"%d" % n) for n in range(5)]
    kept = stays.put(b"another's")
    S3Uploads(bucket.under("ab12")).stage("0" * 32, b"on its way")
    removals = S3Removals(bucket)

    for _ in range(2):
        removals.note("ab12")
    assert [found.name for found in removals.list_noted()] == ["ab12"]
    assert removals.delete_bytes("ab12") == len(ids) + 1

    assert list(gone.ids()) == []
    assert S3Uploads(bucket.under("ab12")).staged("0" * 32) is None
    assert stays.get(kept) == b"another's"
    assert removals.delete_bytes("ab12") == 0


@pytest.mark.parametrize("word", ["", "/", ".", "..", "ab12/objects", "AB12", "a" * 65])
def test_what_is_no_word_of_a_collection_takes_nothing_away(word: str, s3_server: S3Server) -> None:
    bucket = new_bucket(s3_server)
    objects = S3Objects(bucket.under("ab12"))
    kept = objects.put(b"a picture")
    with pytest.raises(BadInput, match="expected the word of a collection"):
        S3Removals(bucket).delete_bytes(word)
    assert objects.get(kept) == b"a picture"


def test_what_else_lies_among_the_notes_is_no_note(s3_server: S3Server) -> None:
    bucket = new_bucket(s3_server)
    removals, requests = S3Removals(bucket), S3Requests(bucket)
    removals.note("ab12")
    client = requests.client
    for key in ("removed/", "removed/a note.txt", "removed/ab12/further"):
        client.put_object(Bucket=bucket.name, Key=bucket.key(key), Body=b"")
    assert [found.name for found in removals.list_noted()] == ["ab12"]


def test_what_is_forgotten_is_noted_no_more(s3_server: S3Server) -> None:
    removals = S3Removals(new_bucket(s3_server))
    for word in ("aaaa", "bbbb"):
        removals.note(word)
    for _ in range(2):
        removals.forget(["aaaa"])
    assert [found.name for found in removals.list_noted()] == ["bbbb"]
    assert removals.delete_bytes("nothing0") == 0
