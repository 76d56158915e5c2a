"""What is wrong with a bucket is told before anybody depends on it, in one line."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chain.ceph import CephServer
from chain.s3_server import S3Server
from lookalike.core.errors import BadInput, LookalikeError, ReadOnly, ServiceDown, StorageFailed
from lookalike.core.retrying import Retrying
from lookalike.objects.s3 import S3Objects
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_check import BROUGHT_WITH, check_answers, check_bucket
from lookalike.objects.s3_requests import PART_BYTES, S3Requests
from lookalike.objects.s3_uploads import S3Uploads
from tests.servers.s3 import bucket_of, new_bucket
from tests.servers.s3_proxy import Trouble, proxy_of

PAGE_FILE = Path(__file__).parents[4] / "docs" / "howto" / "object-storage.md"
PAGE, OTHER = "https://pets.example.org", "https://other.example.org"


def documented(name: str, bucket: S3Bucket, user: str = "") -> dict[str, object]:
    """The example of the page on object storage under that heading, for a bucket."""
    page = PAGE_FILE.read_text()
    text = page.partition(f"## {name}\n")[2].partition("```json\n")[2].partition("```")[0]
    own = {
        "pictures/lookalike": f"{bucket.name}/{bucket.prefix}",
        '"lookalike/': f'"{bucket.prefix}/',
        ":::pictures": f":::{bucket.name}",
        "user/lookalike": f"user/{user}",
        "https://YOUR-PAGE": PAGE,
    }
    for said, meant in own.items():
        text = text.replace(said, meant)
    made: dict[str, object] = json.loads(text)
    return made


def test_a_bucket_that_is_as_it_should_be_is_told_nothing_of_and_left_as_it_was(any_s3_server: S3Server) -> None:
    bucket = new_bucket(any_s3_server)
    assert [line for line in check_bucket(bucket) if "IgnorePublicAcls" not in line] == []
    assert list(S3Requests(bucket).keys(bucket.prefix)) == []


def test_pages_may_upload_once_the_bucket_has_the_rules_that_are_documented(s3_server: CephServer) -> None:
    bucket = new_bucket(s3_server)
    client = S3Requests(bucket).client
    (line,) = [line for line in check_bucket(bucket, origins=[PAGE]) if PAGE in line]
    assert f"allow PUT with the headers {', '.join(BROUGHT_WITH)}" in line
    client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration=documented("Pages of other origins", bucket))
    assert not [line for line in check_bucket(bucket, origins=[PAGE]) if PAGE in line]
    assert [line for line in check_bucket(bucket, origins=[OTHER]) if OTHER in line]


def test_rules_that_lack_a_header_or_the_method_are_told(s3_server: CephServer) -> None:
    bucket = new_bucket(s3_server)
    for lacking in ({"AllowedHeaders": ["content-type"]}, {"AllowedMethods": ["GET"]}):
        rule = {"AllowedOrigins": [PAGE], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"], **lacking}
        S3Requests(bucket).client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [rule]})
        assert [line for line in check_bucket(bucket, origins=[PAGE]) if PAGE in line]


def test_a_store_that_lets_no_page_in_is_told_to_be_one(swift_server: S3Server) -> None:
    assert [line for line in check_bucket(new_bucket(swift_server), origins=[PAGE]) if PAGE in line]


def test_a_bucket_in_which_uploads_may_make_themselves_public_is_told(s3_server: CephServer) -> None:
    bucket = new_bucket(s3_server)
    assert [line for line in check_bucket(bucket) if "set IgnorePublicAcls" in line]
    S3Requests(bucket).client.put_public_access_block(
        Bucket=bucket.name, PublicAccessBlockConfiguration=documented("Nothing public", bucket)
    )
    assert check_bucket(bucket) == []


def test_what_keeps_a_service_from_working_is_raised(any_s3_server: S3Server) -> None:
    bucket = new_bucket(any_s3_server)
    cases: list[tuple[S3Bucket, type[LookalikeError]]] = [
        (replace(bucket, secret_key="wrong"), StorageFailed),
        (bucket_of(any_s3_server, "no-such-bucket", keys=any_s3_server.keys), StorageFailed),
        (bucket_of(any_s3_server, bucket.name, keys=any_s3_server.stranger), ReadOnly),
        (replace(bucket, endpoint="http://no..host"), ServiceDown),
    ]
    for wrong, expected in cases:
        with pytest.raises(expected, match="expected"):
            check_bucket(wrong)
    assert list(S3Requests(bucket).keys(bucket.prefix)) == []


def test_a_store_that_does_not_answer_is_told_and_may_be_there_later(any_s3_server: S3Server) -> None:
    bucket = new_bucket(any_s3_server)
    nowhere = replace(bucket, endpoint="http://127.0.0.1:1", retrying=Retrying(attempts=1))
    (line,) = check_bucket(nowhere)
    assert "expected an answer of the object store" in line
    with pytest.raises(ServiceDown, match="expected an answer"):
        check_answers(nowhere)
    check_answers(bucket)


def test_a_bucket_that_is_full_is_told_and_can_still_be_read(any_s3_server: S3Server) -> None:
    with proxy_of(any_s3_server.url) as proxy:
        bucket = replace(new_bucket(any_s3_server), endpoint=proxy.url)
        proxy.fail_next(Trouble.NONE, Trouble.FULL)
        (line,) = [line for line in check_bucket(bucket) if "IgnorePublicAcls" not in line]
        assert "expected room in" in line


@pytest.mark.parametrize("lacking", ["s3:DeleteObject", "s3:ListBucket", "s3:ListBucketMultipartUploads"])
def test_a_right_that_lacks_is_told_and_nothing_is_left_behind(lacking: str, s3_server: CephServer) -> None:
    owned = new_bucket(s3_server)
    documented_policy = json.dumps(documented("Least rights", owned, user="stranger"))
    policy = documented_policy.replace(f'"{lacking}"', '"s3:GetObjectTagging"')
    S3Requests(owned).client.put_bucket_policy(Bucket=owned.name, Policy=policy)
    with pytest.raises((ReadOnly, StorageFailed), match="the right to"):
        check_bucket(bucket_of(s3_server, owned.name, keys=s3_server.stranger))
    assert list(S3Requests(owned).keys(owned.prefix)) == []


def test_whether_a_page_may_upload_is_asked_where_browsers_find_the_store(s3_server: CephServer) -> None:
    bucket = new_bucket(s3_server)
    client = S3Requests(bucket).client
    client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration=documented("Pages of other origins", bucket))
    public = s3_server.url.replace("127.0.0.1", "localhost")
    assert not [line for line in check_bucket(bucket, origins=[PAGE], public_endpoint=public) if "page" in line]
    nowhere = check_bucket(bucket, origins=[PAGE], public_endpoint="http://127.0.0.1:1", takes_pages=True)
    assert [line for line in nowhere if "look at `objects_public_endpoint`" in line]


def test_a_bucket_into_which_no_page_at_all_may_upload_is_told(s3_server: CephServer) -> None:
    bucket = new_bucket(s3_server)
    for origins in ((), (PAGE,)):
        with pytest.raises(StorageFailed, match=r"no CORS rules; allow PUT .* or set `flow` to classic"):
            check_bucket(bucket, origins=origins, takes_pages=True)
    client = S3Requests(bucket).client
    client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration=documented("Pages of other origins", bucket))
    assert [line for line in check_bucket(bucket, origins=[OTHER], takes_pages=True) if OTHER in line]


def test_the_rights_that_are_documented_are_enough_for_all_and_hold_below_the_prefix_alone(
    s3_server: CephServer,
) -> None:
    owned = new_bucket(s3_server)
    policy = json.dumps(documented("Least rights", owned, user="stranger"))
    S3Requests(owned).client.put_bucket_policy(Bucket=owned.name, Policy=policy)
    bucket = bucket_of(s3_server, owned.name, keys=s3_server.stranger)
    assert [line for line in check_bucket(bucket) if "IgnorePublicAcls" not in line] == []
    objects, uploads = S3Objects(bucket), S3Uploads(bucket)
    for data in (b"small", bytes(PART_BYTES + 1)):
        object_id = objects.put(data)
        assert objects.put(data) == object_id
        assert objects.get(object_id) == data
        objects.delete([object_id])
    begun = S3Requests(owned).client.create_multipart_upload(Bucket=owned.name, Key=owned.key("objects/" + "1" * 64))
    assert [one.name for one in objects.sweep(time.time() + 60)] == ["1" * 64], begun
    uploads.quarantine("0" * 32, b"a picture")
    assert uploads.quarantined("0" * 32) == b"a picture"
    with pytest.raises(ReadOnly, match="the right to write"):
        S3Objects(replace(bucket, prefix="elsewhere")).put(b"small")


def test_the_rules_of_life_that_are_documented_are_taken(s3_server: CephServer) -> None:
    bucket = new_bucket(s3_server)
    client = S3Requests(bucket).client
    rules = documented("Rules of life", bucket)
    client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=rules)
    told = client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert {rule["ID"] for rule in told} == {"uploads", "parts"}


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"endpoint": "s3.example.org"}, "objects_endpoint"),
        ({"endpoint": "ftp://s3.example.org"}, "objects_endpoint"),
        ({"endpoint": "https://s3.example.org/path"}, "objects_endpoint"),
        ({"name": "Pictures"}, "bucket's name"),
        ({"name": "a"}, "bucket's name"),
        ({"name": "pictures/../other"}, "bucket's name"),
        ({"prefix": "/pets"}, "prefix"),
        ({"prefix": "pets/"}, "prefix"),
        ({"prefix": "pets//cats"}, "prefix"),
        ({"prefix": "pets?cats"}, "prefix"),
        ({"prefix": "pets/../cats"}, "prefix"),
    ],
)
def test_what_is_no_place_in_a_store_is_refused(said: dict[str, str], match: str) -> None:
    good = {"endpoint": "https://s3.example.org", "name": "pictures", "access_key": "key", "secret_key": "secret"}
    S3Bucket(**good)  # type: ignore[arg-type]  # texts alone
    with pytest.raises(BadInput, match=match):
        S3Bucket(**{**good, **said})  # type: ignore[arg-type]


def test_what_lies_deeper_has_the_names_before_its_own_and_nobody_is_shown_the_secret() -> None:
    bucket = S3Bucket("https://s3.example.org", "pictures", "key", "the-secret")
    assert (bucket.place, bucket.key("a")) == ("s3://pictures", "a")
    deeper = bucket.under("lookalike").under("pets")
    assert (deeper.place, deeper.key("a")) == ("s3://pictures/lookalike/pets", "lookalike/pets/a")
    assert "the-secret" not in repr(deeper)
