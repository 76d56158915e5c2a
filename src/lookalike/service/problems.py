"""Errors become problem replies (RFC 9457): one table, and the handlers that use it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lookalike.core.errors import (
    AccessDenied,
    BadInput,
    Busy,
    CollectionError,
    CollectionReplaced,
    Conflict,
    DeadlineExceeded,
    Locked,
    LookalikeError,
    MissingExtra,
    ModelUnavailable,
    NoCollection,
    NotAllowed,
    NotFound,
    NotIndexed,
    PartBusy,
    QuotaExceeded,
    RateLimited,
    ReadOnly,
    ServiceDown,
    StorageFailed,
)
from lookalike.service.edge.problem_body import problem_response
from lookalike.service.edge.request_id import current_request_id
from lookalike.service.problem_codes import FaultCode

_log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[LookalikeError], int, str], ...] = (
    (NotAllowed, 403, "Not allowed"),
    (AccessDenied, 401, "Not authenticated"),
    (NoCollection, 404, "Not found"),
    (NotIndexed, 404, "Not found"),
    (NotFound, 404, "Not found"),
    (Conflict, 409, "Conflict"),
    (QuotaExceeded, 507, "No room left"),
    (RateLimited, 429, "Too many requests"),
    (Busy, 503, "Busy"),
    (Locked, 503, "Busy"),
    (DeadlineExceeded, 504, "Too late"),
    (BadInput, 422, "Cannot be used"),
    (ReadOnly, 503, "Cannot be written"),
    (StorageFailed, 503, "Storage failed"),
    (ServiceDown, 503, "A part is down"),
    (ModelUnavailable, 503, "A part is down"),
    (CollectionReplaced, 503, "Busy"),
    (CollectionError, 422, "Cannot be used"),
    (MissingExtra, 501, "Not installed here"),
    (LookalikeError, 500, "Failed"),
)
"""The first class that fits gives status and title."""

MOST_FAULTS = 20
"""Of one body, or of the parameters of one request: more are not told."""

MALFORMED = "malformed"
"""The code of a body that is no JSON, or no form, at all."""


class Malformed(BadInput):
    """A body that cannot be read at all."""

    code = MALFORMED


class UnsupportedMediaType(BadInput):
    """A body of a type that is not taken here."""

    code = "unsupported_media_type"


class TooLarge(BadInput):
    """More than is taken here."""

    code = "too_large"


class InvalidBody(BadInput):
    """A body that does not fit, or parameters.

    Args:
        errors: `where` and `detail` of each, and where they are known `code` and `values`.
    """

    code = "invalid"

    def __init__(self, errors: Sequence[Mapping[str, object]]) -> None:
        first = errors[0] if errors else {"where": "body", "detail": "does not fit"}
        super().__init__(f"{first['where']}: {first['detail']}", values={"where": first["where"]})
        self.errors = [{"code": FaultCode.VALUE, "values": {}, **one} for one in errors]


def no_collection(name: str) -> NoCollection:
    """The error of a collection that is not there, and word for word of one that who asks may not see."""
    return NoCollection(
        f"there is no collection {name!r}; `GET /v1/collections` lists those that you may see", values={"name": name}
    )


_OWN: tuple[tuple[type[LookalikeError], int, str], ...] = (
    (Malformed, 400, "Malformed"),
    (UnsupportedMediaType, 415, "Unsupported media type"),
    (TooLarge, 413, "Too large"),
    (InvalidBody, 422, "Does not fit"),
)


def problem(error: LookalikeError) -> Response:
    """The reply that an error becomes."""
    status, title = next((status, title) for kind, status, title in (*_OWN, *STATUS) if isinstance(error, kind))
    if isinstance(error, Conflict) and error.code == "idempotency_mismatch":
        status, title = 422, "Cannot be used"
    if isinstance(error, MissingExtra):
        _log.warning("a request needs what is not installed: %s", error)
    elif isinstance(error, PartBusy):
        _log.warning("a request failed: %s", error)
    elif status >= 500 and not isinstance(error, Busy | CollectionReplaced | Locked | DeadlineExceeded | QuotaExceeded):
        _log.error("a request failed: %s", error, exc_info=error)
    return problem_response(
        status,
        code=error.code,
        title=title,
        detail=_describe(error, status),
        request_id=current_request_id(),
        headers=_headers(error, status),
        errors=error.errors if isinstance(error, InvalidBody) else None,
        values=values_of(error),
    )


def describe_error(error: LookalikeError) -> str:
    """What the caller is told of an error, where there is no reply to put a status into."""
    return _describe(error, _status(error))


def values_of(error: LookalikeError) -> dict[str, object]:
    """The numbers and names that the caller is told with a code; when to come again among them."""
    status = _status(error)
    if status == 500:
        return {}
    if status in (429, 503) or _says_when(error):
        return {**error.values, "retry_after_s": _wait_s(error)}
    return dict(error.values)


def _status(error: LookalikeError) -> int:
    return next(status for kind, status, _ in (*_OWN, *STATUS) if isinstance(error, kind))


def _wait_s(error: LookalikeError) -> int:
    wait_s = error.retry_after_s if isinstance(error, Busy | Conflict) else None
    return max(1, math.ceil(1.0 if wait_s is None else wait_s))


def _says_when(error: LookalikeError) -> bool:
    return isinstance(error, Conflict) and error.retry_after_s is not None


def _describe(error: LookalikeError, status: int) -> str:
    """What the caller is told: of failures on our side no paths and no inner words."""
    told = {500: _UNFORESEEN, 503: _NOT_NOW}
    return told[status] if status in told and not isinstance(error, Busy) else error.public


_UNFORESEEN = (
    "it failed by an error that was not foreseen; report the request's id to whoever runs the service, for the log has "
    "the error under it"
)
_NOT_NOW = "it cannot be done now, for a part of the service fails or is busy; try again in a moment"


def _headers(error: LookalikeError, status: int) -> Mapping[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="lookalike"'}
    if status in (429, 503) or _says_when(error):
        return {"Retry-After": str(_wait_s(error))}
    return {}


def add_problem_handlers(app: FastAPI) -> None:
    """Have an application answer errors with problems."""
    app.add_exception_handler(LookalikeError, _on_own)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_unforeseen)  # it is raised again, and logged at the edge


async def _on_own(_: Request, error: Exception) -> Response:
    return problem(error if isinstance(error, LookalikeError) else LookalikeError(_UNFORESEEN))


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return await _on_unforeseen(request, error)
    status, told = error.status_code, str(error.detail)
    title, headers = _PHRASES.get(status) or HTTPStatus(status).phrase, dict(error.headers or {})
    code = {404: "not_found", 405: "method_not_allowed", 400: MALFORMED}.get(status, "http_error")
    values = {"status": status} if code == "http_error" else {}
    request_id = current_request_id()
    detail = f"the request is not accepted here ({told}); see /docs for what is taken"
    if status == 416:
        detail = told
    if status in _HTTP:
        detail = _HTTP[status]
    if status == 405 and "Allow" in headers:
        detail = f"expected one of {headers['Allow']} at this address, got another method; see /docs for what each does"
    return problem_response(
        status, code=code, title=title, detail=detail, request_id=request_id, headers=headers, values=values
    )


_PHRASES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""As RFC 9110 has them: Python has older ones up to 3.12."""

_HTTP = {
    404: "there is nothing at this address; see /docs for those that there are",
    405: "this method is not taken at this address; see /docs for those that are",
}
"""What is told where no route of ours has been reached."""


async def _on_unforeseen(_: Request, __: Exception) -> Response:
    code, detail = LookalikeError.code, _UNFORESEEN
    return problem_response(500, code=code, title="Failed", detail=detail, request_id=current_request_id())


async def _on_validation(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return problem(InvalidBody(errors_of(found)))


def errors_of(found: object) -> list[dict[str, object]]:
    """Pydantic's errors as `where`, `detail`, `code` and `values`, without the input that was wrong."""
    listed = found if isinstance(found, list | tuple) else []
    return [_error_of(one) for one in listed[:MOST_FAULTS]]


def _error_of(one: Mapping[str, Any]) -> dict[str, object]:
    kind, context = str(one.get("type", "")), one.get("ctx") or {}
    code = next((code for code, words in _FAULTS.items() if any(word in kind for word in words)), FaultCode.VALUE)
    bounds = {name: context[key] for key, name in _BOUNDS.items() if key in context}
    return {
        "where": ".".join(map(str, one.get("loc", ())))[:200] or "body",
        "detail": f"{str(one.get('msg', ''))[:300]}; {_TO_DO[code]}",
        "code": code,
        "values": bounds if code in (FaultCode.RANGE, FaultCode.LENGTH) else {},
    }


_FAULTS = {
    FaultCode.MISSING: ("missing",),
    FaultCode.UNKNOWN: ("extra_forbidden",),
    FaultCode.REPEATED: ("repeated",),
    FaultCode.RANGE: ("greater_than", "less_than"),
    FaultCode.LENGTH: ("too_long", "too_short"),
    FaultCode.PATTERN: ("pattern",),
    FaultCode.CHOICE: ("literal_error", "enum"),
    FaultCode.TYPE: ("_type", "_parsing"),
}
"""What stands in the names that Pydantic, or `parameters.py` in its manner, gives to errors."""

_TO_DO = {
    FaultCode.MISSING: "add it",
    FaultCode.UNKNOWN: "remove it, or correct its name",
    FaultCode.REPEATED: "leave one of them",
    FaultCode.RANGE: "raise or lower it",
    FaultCode.LENGTH: "shorten or extend it",
    FaultCode.PATTERN: "correct its spelling",
    FaultCode.CHOICE: "take one of those",
    FaultCode.TYPE: "convert it",
    FaultCode.VALUE: "correct it",
}
"""What to do about each kind, behind what Pydantic says of it."""

_BOUNDS = {"ge": "least", "gt": "least", "min_length": "least", "le": "most", "lt": "most", "max_length": "most"}
