"""The libraries with which an S3-compatible store is asked, set for a bucket; they make no second tries."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from lookalike.core.errors import needing
from lookalike.objects.s3_bucket import S3Bucket

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store

_CONNECTED_WITHIN_S = 5.0
_MOST = 16
"""Buckets of which a process keeps these; of more the one that was not asked for the longest is let go of."""

_LONGEST = timedelta(hours=12)  # of a request, however slowly its bytes come: what ends it is that none do


def store_of(bucket: S3Bucket) -> S3Store:
    """What bytes go through: the same for all prefixes of a bucket, however often it is asked for.

    Raises:
        MissingExtra: when obstore is not installed.
    """
    return _make_store(replace(bucket, prefix=""))


def client_of(bucket: S3Bucket) -> Any:
    """A client of boto3, likewise; the first one takes a tenth of a second, and each some megabytes.

    Raises:
        MissingExtra: when boto3 is not installed.
    """
    return _make_client(replace(bucket, prefix=""))


@lru_cache(_MOST)
def _make_store(bucket: S3Bucket) -> S3Store:
    with needing("obstore", extra="s3", purpose="object storage"):
        from obstore.store import S3Store

    return S3Store(
        bucket.name,
        endpoint=bucket.endpoint.rstrip("/"),
        region=bucket.region,
        credential_provider=partial(_credentials_of, bucket),
        virtual_hosted_style_request=False,
        skip_signature=False,  # said all the same: what is not said is looked for in AWS_SKIP_SIGNATURE and its like
        unsigned_payload=False,
        disable_bulk_delete=False,
        client_options={
            "allow_http": bucket.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=min(_CONNECTED_WITHIN_S, bucket.timeout_s)),
            "read_timeout": timedelta(seconds=bucket.timeout_s),
            "timeout": _LONGEST,
        },
        retry_config={"max_retries": 0},
    )


def _credentials_of(bucket: S3Bucket) -> S3Credential:
    """These alone: beside a key that is merely named, the environment's session token would be sent, too."""
    return {"access_key_id": bucket.access_key, "secret_access_key": bucket.secret_key, "expires_at": None}


@lru_cache(_MOST)
def _make_client(bucket: S3Bucket) -> Any:
    with needing("boto3", extra="s3", purpose="object storage"):
        import boto3
        from botocore.config import Config

    client = boto3.session.Session().client(
        "s3",
        endpoint_url=bucket.endpoint.rstrip("/"),
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=min(_CONNECTED_WITHIN_S, bucket.timeout_s),
            read_timeout=bucket.timeout_s,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.meta.events.register("before-sign.s3.PutObject", _sign_hash)
    return client


def _sign_hash(request: Any, **_: object) -> None:
    """Have the hash of the body signed in a URL, too, which boto3 would leave open.

    `x-amz-checksum-sha256` is checked by the newest stores alone, `x-amz-content-sha256` by all that know SigV4.
    """
    checksum = request.headers.get("x-amz-checksum-sha256")
    if checksum:
        request.headers["x-amz-content-sha256"] = base64.b64decode(checksum).hex()
