"""Every code that a reply can bear, with the values that come with it: what a page needs to say it in its own words.

The codes stand in problems, in the results of single pictures of a batch, in uploads, in jobs and in messages of
streams. In the record of an upload or a job the code stands alone, without values.
"""

from __future__ import annotations

from lookalike.core.wording import Coded


class ProblemCode(Coded):
    """What went wrong. A value whose name ends in `?` comes where it is known."""

    # the request
    ERROR = "error"
    HTTP_ERROR = "http_error", "status?"
    BAD_INPUT = "bad_input"
    MALFORMED = "malformed"
    INVALID = "invalid", "where"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    HEAD_TOO_LARGE = "head_too_large"
    TOO_SLOW = "too_slow"
    NOT_FOUND = "not_found", "kind?", "id?"
    MISSING_EXTRA = "missing_extra", "library", "extra"

    # who asks
    ACCESS_DENIED = "access_denied"
    NOT_AUTHENTICATED = "not_authenticated"
    NOT_ALLOWED = "not_allowed", "scope?"

    # not now
    BUSY = "busy", "retry_after_s"
    RATE_LIMITED = "rate_limited", "retry_after_s", "limit?"
    OVERLOADED = "overloaded", "retry_after_s"
    LOCKED = "locked", "retry_after_s?"
    DEADLINE_EXCEEDED = "deadline_exceeded", "limit_ms?"
    READ_ONLY = "read_only", "retry_after_s?"
    STORAGE_FAILED = "storage_failed", "retry_after_s?"
    SERVICE_DOWN = "service_down", "retry_after_s?"
    MODEL_UNAVAILABLE = "model_unavailable", "retry_after_s?"

    # collections
    NO_COLLECTION = "no_collection", "name?"
    COLLECTION_ERROR = "collection_error"
    COLLECTION_REPLACED = "collection_replaced", "retry_after_s?"
    CURSOR_UNKNOWN = "cursor_unknown"
    NOT_INDEXED = "not_indexed", "id?"
    WRONG_MODEL = "wrong_model"
    FORMAT_TOO_NEW = "format_too_new"
    CATALOG_DAMAGED = "catalog_damaged"
    SNAPSHOT_DAMAGED = "snapshot_damaged"
    NOT_OURS = "not_ours", "name"

    # searches
    BAD_QUERY = "bad_query"
    NEEDS_PICTURE = "needs_picture", "asked"
    UNKNOWN_RERANKER = "unknown_reranker", "got", "known"
    QUERY_CANCELS_OUT = "query_cancels_out"
    CROP_OUTSIDE = "crop_outside"
    BAD_FILTER = "bad_filter", "field?"
    FILTER_OPERATOR = "filter_operator", "field", "got", "known"
    FILTER_VALUE = "filter_value", "field", "kind"
    FILTER_TOO_LARGE = "filter_too_large", "limit"
    UNKNOWN_FIELD = "unknown_field", "field", "known?"
    BAD_VECTORS = "bad_vectors"
    DIMENSION_MISMATCH = "dimension_mismatch", "expected?", "got?"

    # addresses
    FETCH_REFUSED = "fetch_refused", "host?"
    URL_MALFORMED = "url_malformed"
    URL_UNREACHABLE = "url_unreachable", "host"
    URL_TIMEOUT = "url_timeout", "limit_s"
    URL_STATUS = "url_status", "host", "status"
    URL_TOO_LARGE = "url_too_large", "limit_bytes"
    URL_BROKEN = "url_broken"

    # pictures
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format", "format?"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    ZERO_SIZE = "zero_size"
    TOO_MANY_PIXELS = "too_many_pixels", "width?", "height?", "limit?"
    TOO_LARGE = "too_large", "limit_bytes?", "got_bytes?"
    TOO_COSTLY = "too_costly"
    NEEDS_EXTRA = "needs_extra", "library?", "extra?"
    NOT_A_FILE = "not_a_file"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    DECODER_DIED = "decoder_died"

    # uploads and jobs
    NOT_UPLOADED = "not_uploaded"
    HASH_MISMATCH = "hash_mismatch"
    SIZE_MISMATCH = "size_mismatch"
    TYPE_MISMATCH = "type_mismatch"
    VECTOR_NOT_UNIT = "vector_not_unit"
    VECTOR_TOO_FAR = "vector_too_far"
    BYTES_LOST = "bytes_lost"
    BYTES_DAMAGED = "bytes_damaged", "retry_after_s?"
    REMOVED = "removed"
    GIVEN_UP = "given_up"
    GAVE_UP = "gave_up"
    UPLOAD_EXPIRED = "upload_expired"
    UPLOAD_COMPLETED = "upload_completed"
    UPLOAD_STATE = "upload_state"
    JOB_STATE = "job_state"
    ALREADY_UPLOADED = "already_uploaded"
    UPLOAD_RUNNING = "upload_running", "retry_after_s"
    QUOTA_EXCEEDED = "quota_exceeded", "limit", "limit_bytes", "held", "held_bytes", "got_bytes"
    INTERRUPTED = "interrupted"
    WOULD_OVERWRITE = "would_overwrite"
    UNEXPECTED = "unexpected"

    # clashes
    CONFLICT = "conflict"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    IDEMPOTENCY_RUNNING = "idempotency_running", "retry_after_s"
    SEQ_NOT_GROWING = "seq_not_growing"


class FaultCode(Coded):
    """What is wrong with one place of a body or a parameter, in the list `errors` of a problem."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    REPEATED = "repeated"
    TYPE = "type"
    RANGE = "range", "least?", "most?"
    LENGTH = "length", "least?", "most?"
    PATTERN = "pattern"
    CHOICE = "choice"
    VALUE = "value"


def fault_of(code: str, values: object) -> str | None:
    """What is wrong with a code and its values, in words; None where it stands above like that."""
    if code not in list(ProblemCode):
        return f"{code} is no code of a problem"
    return ProblemCode(code).fault_of(values if isinstance(values, dict) else {})
