"""Where in an S3-compatible store something lies, and with which key it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from lookalike.core.errors import BadInput
from lookalike.core.retrying import Retrying

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?!\.)[A-Za-z0-9_.-]+(/(?!\.)[A-Za-z0-9_.-]+)*")


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """A bucket, or what lies below a prefix in it, asked with path-style requests that SigV4 signs.

    Attributes:
        endpoint: such as `https://s3.example.org` or `http://127.0.0.1:7480`.
        name: of the bucket.
        access_key: of who asks.
        secret_key: likewise.
        prefix: such as `lookalike/pets`, without slashes around it; '' for all of the bucket.
        region: by which requests are signed.
        timeout_s: how long the store may say nothing, in seconds, before it counts as not answering.
        retrying: how often a request is made that may be made again.

    Raises:
        BadInput: when the endpoint, the bucket or the prefix is none.
    """

    endpoint: str
    name: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str = ""
    region: str = "us-east-1"
    timeout_s: float = 30.0
    retrying: Retrying = field(default_factory=Retrying, repr=False)

    def __post_init__(self) -> None:
        if not re.match(r"https?://[^/?#@]+/?$", self.endpoint):
            raise BadInput(
                "expected the endpoint of an object store such as https://s3.example.org, got "
                f"{self.endpoint[:80]!r}; set `objects_endpoint`"
            )
        if not _NAME.fullmatch(self.name):
            raise BadInput(
                "expected a bucket's name of 3 to 63 small letters, digits, dots and dashes, got "
                f"{self.name[:80]!r}; name it in `objects`, as in s3://pictures/lookalike"
            )
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise BadInput(
                "expected a prefix of letters, digits, dots, dashes and single slashes, got "
                f"{self.prefix[:80]!r}; name another one in `objects`, as in s3://pictures/lookalike"
            )

    def under(self, name: str) -> S3Bucket:
        """What lies one level deeper."""
        return replace(self, prefix=f"{self.prefix}/{name}" if self.prefix else name)

    def key(self, name: str) -> str:
        """The key of something that lies here."""
        return f"{self.prefix}/{name}" if self.prefix else name

    @property
    def place(self) -> str:
        """For people."""
        return f"s3://{self.name}/{self.prefix}" if self.prefix else f"s3://{self.name}"
