"""Buckets as a shop would make them: with leave for its pages to put pictures into them."""

from __future__ import annotations

from typing import Any

from chain.s3_server import S3Server
from lookalike.core.errors import needing

with needing("boto3", extra="s3", purpose="making a bucket"):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

REGION = "us-east-1"
ALLOWED_HEADERS = ("content-type", "content-length", "if-none-match", "x-amz-*")


def make_bucket(server: S3Server, name: str, *, pages: tuple[str, ...]) -> None:
    """Make a bucket that is not there yet, into which pages may put what was signed.

    Args:
        server: of its owner.
        name: of the bucket.
        pages: their origins; `*` for all.
    """
    client = client_of(server)
    try:
        client.create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
    rule = {
        "AllowedMethods": ["PUT"],
        "AllowedOrigins": list(pages),
        "AllowedHeaders": list(ALLOWED_HEADERS),
        "MaxAgeSeconds": 3600,
    }
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})


def client_of(server: S3Server) -> Any:
    """A client of the server's owner."""
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=server.keys.access_key,
        aws_secret_access_key=server.keys.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
    )
