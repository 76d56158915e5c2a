"""Which collections were removed from a bucket: noted in it, so that their bytes go, whoever dies meanwhile."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice

from lookalike.core.errors import BadInput
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_requests import PAGE, Found, S3Requests

_FOLDER = "removed"
_WORD = re.compile(r"[0-9a-z]{4,64}")


class S3Removals:
    """Notes removals, and deletes what removed collections have left. Costs nothing until it is asked.

    Args:
        bucket: below which each collection has a folder, named by a word that no other collection has.
    """

    def __init__(self, bucket: S3Bucket) -> None:
        self._requests = S3Requests(bucket)
        self._bucket = bucket

    def note(self, word: str) -> None:
        """Say that a collection is about to be removed. Idempotent.

        Raises:
            ServiceDown, ReadOnly, StorageFailed: when that cannot be noted: it is not to be removed then.
        """
        self._requests.put_new(self._bucket.key(f"{_FOLDER}/{word}"), b"")

    def list_noted(self) -> Iterator[Found]:
        """What was noted, by its word, and when; what else lies there, such as the mark of a folder, is passed over."""
        for found in self._requests.keys(self._bucket.key(_FOLDER)):
            if _WORD.fullmatch(found.name):
                yield found

    def delete_bytes(self, word: str) -> int:
        """Delete all that lies in the folder of a collection, a page at a time; how many objects that were.

        Raises:
            BadInput: when that is no word of a collection: without one, all others would go.
        """
        if not _WORD.fullmatch(word):
            raise BadInput(
                f"expected the word of a collection, 4 to 64 of a-z and 0-9, got {word[:80]!r}; look at what was noted"
            )
        folder, deleted = self._bucket.key(word), 0
        while page := [f"{folder}/{found.name}" for found in islice(self._requests.keys(folder), PAGE)]:
            self._requests.delete(page)
            deleted += len(page)
        for half in list(self._requests.list_half_sent(folder)):
            self._requests.forget(half)
        return deleted

    def forget(self, words: Collection[str]) -> None:
        """Note no longer that these were removed. Idempotent."""
        self._requests.delete([self._bucket.key(f"{_FOLDER}/{word}") for word in words])
