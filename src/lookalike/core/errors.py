"""Every error that Lookalike raises on purpose.

    LookalikeError
    ├── BadInput                 what the caller gave cannot be used          exit 65
    │   ├── ImageRefused         a picture: broken, huge, not a picture
    │   ├── DecoderDied          a picture whose decoder crashed or did not end
    │   ├── BadQuery             a search that cannot be understood
    │   │   ├── BadFilter        a `where` that cannot be understood
    │   │   │   └── UnknownField one that asks for a field which no picture has
    │   │   └── NotIndexed       an id or path that the collection does not hold
    │   ├── BadVectors           not finite, not numeric, zero
    │   │   └── DimensionMismatch
    │   ├── FetchRefused         a URL: private address, too large, too slow
    │   ├── UploadRefused        bytes or a vector that are not what was announced
    │   └── WouldOverwrite       an output in the place of something that we did not make
    ├── CollectionError          the collection cannot do that                exit 1
    │   ├── NoCollection         nothing there
    │   ├── CollectionReplaced   another one, or an older state, in its place exit 75
    │   ├── ReadOnly
    │   ├── WrongModel           vectors of another model
    │   ├── FormatTooNew         written by a newer Lookalike                 exit 65
    │   └── CatalogDamaged                                                    exit 65
    ├── Locked                   another process is writing                   exit 75
    │   ├── Overtaken            it has changed first what was to be changed
    │   └── LeaseLost            it may do now what this one was doing
    ├── CursorUnknown            a place in another history of changes (all is read anew)
    ├── SnapshotDamaged          an index snapshot that may not be used (it is rebuilt)
    ├── ModelUnavailable         the model cannot be made or read
    ├── StorageFailed            disk full, input/output error                exit 74
    ├── ServiceDown              a server that is needed does not answer      exit 69
    ├── AccessDenied             who asks may not
    │   ├── NotAuthenticated     no credentials, or none that are good
    │   └── NotAllowed           good ones, but not for this
    ├── Busy                     not now: `retry_after_s` says when           exit 75
    │   ├── RateLimited          this caller asks too often
    │   └── Overloaded           everybody does
    │       └── PartBusy         so that a server that is needed asks to come again
    ├── DeadlineExceeded         it would come too late                       exit 75
    ├── Conflict                 it clashes with what is there
    ├── QuotaExceeded            this caller holds as much as they may
    ├── NotFound                 a job, an upload, a model that is not there
    ├── Interrupted              Ctrl-C: what was complete is kept            exit 130
    └── MissingExtra             an optional library is not installed

Every error has a `code` (a stable snake_case word for programs), `values` (its numbers and names, for programs and for
other languages) and an `exit_code` (for the command line).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lookalike.core.installing import MODULES, install_line

Values = Mapping[str, object]
"""Numbers, names and lists of them, plain enough for JSON."""


class LookalikeError(Exception):
    """Base of all errors raised on purpose; `str()` is one line for a person.

    Args:
        reason: that line: what was expected, what came, what to do.
        code: a word for programs that says more than the class's own.
        values: what the line says in numbers and names, so that it can be said in another language. Which come with
            which code is told in `lookalike.service.problem_codes`.
    """

    code = "error"
    exit_code = 1

    def __init__(self, reason: object = "", *, code: str | None = None, values: Values | None = None) -> None:
        super().__init__(reason)
        if code is not None:
            self.code = code
        self.values: Values = dict(values or {})

    @property
    def public(self) -> str:
        """What those who ask a service are told: of what is not installed there, without paths of its machine."""
        return self.__cause__.public if isinstance(self.__cause__, MissingExtra) else str(self)


class BadInput(LookalikeError):
    """What the caller gave cannot be used."""

    code = "bad_input"
    exit_code = 65


class ImageRefused(BadInput):
    """A picture that is not taken in.

    Args:
        reason: one line: what was expected, what came.
        code: one of the words listed in `docs/reference/refusals.md`, for example `truncated`.
    """

    def __init__(self, reason: str, *, code: str, values: Values | None = None) -> None:
        super().__init__(reason, code=code, values=values)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_image_refused, (str(self), self.code, self.values)


def _rebuild_image_refused(reason: str, code: str, values: Values) -> ImageRefused:
    return ImageRefused(reason, code=code, values=values)


class BadQuery(BadInput):
    """A search that cannot be understood."""

    code = "bad_query"


class BadFilter(BadQuery):
    """A filter that cannot be understood."""

    code = "bad_filter"


class UnknownField(BadFilter):
    """A filter that asks for a field which no picture has."""

    code = "unknown_field"


class NotIndexed(BadQuery):
    """An id or a path that the collection does not hold."""

    code = "not_indexed"


class BadVectors(BadInput):
    """Vectors that are not finite, not numeric, or of length zero where a direction is needed."""

    code = "bad_vectors"


class DimensionMismatch(BadVectors):
    """Vectors of another shape than the model's or the index's."""

    code = "dimension_mismatch"


class FetchRefused(BadInput):
    """A URL that is not fetched: a private address, too large, too slow, not http.

    Attributes:
        told_at: `time.monotonic()` before which a stranger is not to be told, for the time that it took would tell
            which names there are inside; None where it may be told at once.
    """

    code = "fetch_refused"
    told_at: float | None = None


class UploadRefused(BadInput):
    """An upload whose bytes or vector are not what was announced.

    Args:
        reason: one line: what was expected, what came.
        code: a word for programs, for example `hash_mismatch`.
    """

    def __init__(self, reason: str, *, code: str, values: Values | None = None) -> None:
        super().__init__(reason, code=code, values=values)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_upload_refused, (str(self), self.code, self.values)


def _rebuild_upload_refused(reason: str, code: str, values: Values) -> UploadRefused:
    return UploadRefused(reason, code=code, values=values)


class DecoderDied(BadInput):
    """A picture whose decoder crashed, took too much or did not end. Notes have what it said last."""

    code = "decoder_died"


class WouldOverwrite(BadInput):
    """An output that would take the place of something that we did not make."""

    code = "would_overwrite"


class CollectionError(LookalikeError):
    """The collection cannot do what was asked."""

    code = "collection_error"


_NO_LONGER_THERE = "the collection is not there any more; `GET /v1/collections` lists those that you may see"


class NoCollection(CollectionError):
    """There is no collection at that place."""

    code = "no_collection"

    @property
    def public(self) -> str:
        """Without the place, unless it was asked for by a name."""
        return str(self) if "name" in self.values else _NO_LONGER_THERE


class CollectionReplaced(CollectionError):
    """Another collection, or another state of the same, was put in the place of the one that was opened."""

    code = "collection_replaced"
    exit_code = 75


class ReadOnly(CollectionError):
    """The collection cannot be written: opened read-only, or on a read-only disk."""

    code = "read_only"


class WrongModel(CollectionError):
    """Vectors of another model than the collection's."""

    code = "wrong_model"


class FormatTooNew(CollectionError):
    """The collection was written by a newer Lookalike."""

    code = "format_too_new"
    exit_code = 65

    @property
    def public(self) -> str:
        """Without the place."""
        return (
            "expected a collection of this version or an earlier one, got one that a newer Lookalike wrote: "
            "whoever runs "
            "the service has to upgrade it"
        )


class CatalogDamaged(CollectionError):
    """The catalog itself, the truth, cannot be read."""

    code = "catalog_damaged"
    exit_code = 65

    @property
    def public(self) -> str:
        """Without the place."""
        return (
            "the collection cannot be read, for its catalog is damaged: whoever keeps the service has to look at "
            "it with "
            "`lookalike doctor`"
        )


class Locked(LookalikeError):
    """Another process is writing to the collection."""

    code = "locked"
    exit_code = 75


class Overtaken(Locked):
    """Another process has changed what a transaction had read, before that could commit: it has to begin again."""


class LeaseLost(Locked):
    """Another process has the lease by now, and what this one brings is refused: it has to stop."""


class CursorUnknown(LookalikeError):
    """A place in the change feed that is none of this catalog's history: who followed has to read all of it anew."""

    code = "cursor_unknown"


class SnapshotDamaged(LookalikeError):
    """A snapshot of an index that may not be used: a hash differs, a file is missing, another version."""

    code = "snapshot_damaged"

    def __str__(self) -> str:
        return f"{self.reason}; run `lookalike rebuild` to make the index anew"

    @property
    def reason(self) -> str:
        """What is wrong, without what to do: for those who make the index anew themselves, and say so."""
        return str(self.args[0]) if self.args else ""


class ModelUnavailable(LookalikeError):
    """The model cannot be made, found or read."""

    code = "model_unavailable"


class StorageFailed(LookalikeError):
    """The disk is full or refuses to read or write."""

    code = "storage_failed"
    exit_code = 74


class ServiceDown(LookalikeError):
    """A server that is needed does not answer."""

    code = "service_down"
    exit_code = 69


class AccessDenied(LookalikeError):
    """Who asks may not do that."""

    code = "access_denied"


class NotAuthenticated(AccessDenied):
    """No credentials, or none that are good. The message never says what was wrong with a secret."""

    code = "not_authenticated"


class NotAllowed(AccessDenied):
    """Good credentials, but not for this."""

    code = "not_allowed"


class Busy(LookalikeError):
    """Not now.

    Args:
        reason: one line.
        retry_after_s: when to try again, in seconds.
    """

    code = "busy"
    exit_code = 75

    def __init__(self, reason: str, *, retry_after_s: float = 1.0, values: Values | None = None) -> None:
        super().__init__(reason, values=values)
        self.retry_after_s = retry_after_s


class RateLimited(Busy):
    """This caller asks too often."""

    code = "rate_limited"


class Overloaded(Busy):
    """Everybody together asks for more than can be done; queues are bounded, so that what is taken in is answered."""

    code = "overloaded"


class PartBusy(Overloaded):
    """A server that is needed, such as a database or an object store, has no time; says which to whoever runs it."""

    @property
    def public(self) -> str:
        """Without the place."""
        return "expected a part of the service to have time, got none; try again in a moment"


class DeadlineExceeded(LookalikeError):
    """It could not be answered in the time that the caller has."""

    code = "deadline_exceeded"
    exit_code = 75


class Conflict(LookalikeError):
    """It clashes with what is there.

    Args:
        reason: one line.
        code: a word for programs, for example `upload_completed`.
        retry_after_s: when it may be over, in seconds; None where that is not known.
    """

    def __init__(
        self, reason: str, *, code: str = "conflict", values: Values | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(reason, code=code, values=values)
        self.retry_after_s = retry_after_s


class QuotaExceeded(LookalikeError):
    """This caller holds as much as they may."""

    code = "quota_exceeded"


class NotFound(LookalikeError):
    """A job, an upload or a model that is not there (for who asks)."""

    code = "not_found"


class Interrupted(LookalikeError):
    """The user stopped it: what was complete is kept, and a second run goes on from there."""

    code = "interrupted"
    exit_code = 130


STOPPED = "stopped: it could not be done to its end; what was complete is kept: run the same again to go on from there"
"""What an `Interrupted` says wherever what was complete was committed."""


class MissingExtra(LookalikeError):
    """An optional library is not installed; the message has the line that installs it.

    Args:
        library: what could not be imported.
        extra: the extra of this package that brings it.
        purpose: what it is needed for, as in "reading HEIC".
    """

    code = "missing_extra"

    def __init__(self, library: str, *, extra: str, purpose: str) -> None:
        self.library, self.extra, self.purpose = library, extra, purpose
        super().__init__(f"{self._lack}: {install_line(extra)}", values={"library": library, "extra": extra})

    @property
    def public(self) -> str:
        """The same for those who ask a service: whose affair it is, and no path of its machine."""
        return f"{self._lack} here; whoever runs the service can: {install_line(self.extra, public=True)}"

    @property
    def _lack(self) -> str:
        return f"{self.purpose} needs {self.library}, which is not installed"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_missing_extra, (self.library, self.extra, self.purpose)


def _rebuild_missing_extra(library: str, extra: str, purpose: str) -> MissingExtra:
    return MissingExtra(library, extra=extra, purpose=purpose)


@contextmanager
def needing(library: str, *, extra: str, purpose: str) -> Iterator[None]:
    """Import an optional library during the block; arguments as of `MissingExtra`.

    Raises:
        MissingExtra: when it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtra(library, extra=extra, purpose=purpose) from error


def missing_extra(error: ImportError, *, purpose: str = "this") -> MissingExtra | None:
    """The extra that brings what could not be imported; None where no extra does."""
    module = (error.name or "").partition(".")[0]
    extra = MODULES.get(module)
    return None if extra is None else MissingExtra(module, extra=extra, purpose=purpose)
