"""What an S3-compatible store, or the way to it, says is wrong, as our errors: once for all that ask one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from lookalike.core.errors import LookalikeError, PartBusy, ReadOnly, ServiceDown, StorageFailed
from lookalike.objects.s3_bucket import S3Bucket

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z]+)\s*</Code>|\(code: ([A-Za-z]+)\)")
_REASON = re.compile(r"(?:HTTP error|HTTP client error): ([^\n]+)")

_WRONG_KEY: Final = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}
_SKEWED: Final = {"RequestTimeTooSkewed", "RequestExpired"}
_OTHER_REGION: Final = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
_FULL: Final = {"QuotaExceeded", "InsufficientStorage", "InsufficientStorageSpace", "XMinioStorageFull"}
_LATER: Final = {"SlowDown", "ServiceUnavailable", "TooManyRequests", "ConditionalRequestConflict", "OperationAborted"}
_AGAIN: Final = {"InternalError", "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch"}


class KeyMissing(Exception):
    """Nothing lies under that key."""


class KeyTaken(Exception):
    """Something lies under that key already."""


class BehindTheEnd(Exception):
    """A range that begins after the last byte."""


class BucketMissing(StorageFailed):
    """There is no such bucket."""


class BucketFull(StorageFailed):
    """There is no room in the bucket for now."""


class Answer(NamedTuple):
    """What came in the place of what was asked for.

    Attributes:
        status: of HTTP; None where there was no answer.
        code: of S3; '' where it was not said.
        reason: for people, what happened where there was no answer.
    """

    status: int | None
    code: str = ""
    reason: str = ""


@contextmanager
def translating(bucket: S3Bucket, *, is_writing: bool = False) -> Iterator[None]:
    """Raise our errors in the place of those of the libraries with which the store is asked.

    Args:
        bucket: that is asked.
        is_writing: whether something is to be changed.
    Raises:
        KeyMissing, KeyTaken, BehindTheEnd: for who asks to make something of.
        ServiceDown, PartBusy: what may be tried again.
        ReadOnly, StorageFailed: what may not.
    """
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        answer = _answer_of(error)
        if answer is None:
            raise
        raise error_of(answer, bucket, is_writing=is_writing) from error


def error_of(answer: Answer, bucket: S3Bucket, *, is_writing: bool = False) -> Exception:
    """The error for an answer; see `translating`."""
    status, code, _ = answer
    if status is None:
        return ServiceDown(
            f"expected an answer of the object store at {bucket.endpoint}, got none ({answer.reason}); "
            "start it, or look at `objects_endpoint`"
        )
    if code == "NoSuchBucket":
        return BucketMissing(
            f"expected a bucket {bucket.name!r} at {bucket.endpoint}, got none; make it, or name another in `objects`"
        )
    if status == 404:
        return KeyMissing()
    if status == 412 or code == "PreconditionFailed":
        return KeyTaken()
    if status == 416:
        return BehindTheEnd()
    if code in _FULL or status == 507:
        return BucketFull(f"expected room in {bucket.place}, got {_tell(answer)}; make room, try again")
    if code in _LATER or status in (429, 503):
        return PartBusy(
            f"expected the object store at {bucket.endpoint} to have time, got {_tell(answer)}; "
            "wait, and look at its load"
        )
    if status >= 500 or code in _AGAIN:
        return ServiceDown(
            f"expected the object store at {bucket.endpoint} to do what it was asked, got {_tell(answer)}; "
            "try again, and look at its log"
        )
    return _of_a_refusal(answer, bucket, is_writing=is_writing)


def _of_a_refusal(answer: Answer, bucket: S3Bucket, *, is_writing: bool) -> Exception:
    """The error for what would be refused another time, too."""
    if answer.code in _WRONG_KEY:
        return StorageFailed(
            f"expected a key that {bucket.endpoint} knows, got {_tell(answer)} for {bucket.access_key!r}; "
            "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if answer.code in _SKEWED:
        return StorageFailed(
            f"expected a clock that is at most 15 minutes from that of {bucket.endpoint}, got {_tell(answer)}; "
            "set the clock of this machine"
        )
    if answer.code in _OTHER_REGION or answer.status in (301, 307):
        return StorageFailed(
            f"expected {bucket.place} in the region {bucket.region}, got {_tell(answer)}; set `objects_region`"
        )
    if answer.status in (401, 403):
        right = "write and delete" if is_writing else "read and list"
        error = ReadOnly if is_writing else StorageFailed
        return error(
            f"expected the right to {right} in {bucket.place}, got {_tell(answer)} for the key {bucket.access_key!r}; "
            "give it the rights that the page on object storage lists"
        )
    return StorageFailed(
        f"expected {bucket.endpoint} to be an object store that speaks S3, got {_tell(answer)}; look at "
        "`objects_endpoint`"
    )


def _tell(answer: Answer) -> str:
    return f"{answer.status} {answer.code}".strip()


def _answer_of(error: Exception) -> Answer | None:
    """None where it is no error of those libraries."""
    module = type(error).__module__.partition(".")[0]
    if module == "botocore":
        return _answer_of_boto(error)
    if module != "obstore" and not isinstance(error, FileNotFoundError | OSError):
        return None
    text = str(error).partition("Debug source:")[0]
    status, code, reason = _STATUS.search(text), _CODE.search(text), _REASON.search(text)
    said = (code.group(1) or code.group(2)) if code else ""
    if status is not None:
        return Answer(int(status.group(1)), said)
    if said:  # of one of several that were to be deleted; some answer so where two delete it at once
        return Answer(403 if said == "AccessDenied" else 500, said)
    return Answer(None, reason=(reason.group(1) if reason else text.strip().splitlines()[0])[:120])


def _answer_of_boto(error: Exception) -> Answer:
    told = getattr(error, "response", None)
    if not isinstance(told, dict):
        return Answer(None, reason=type(error).__name__)
    status = told.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    code = str(told.get("Error", {}).get("Code", ""))
    return Answer(int(status), "" if code.isdigit() else code)
