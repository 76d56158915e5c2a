"""A problem (RFC 9457) as a reply: used where the application is not reached, and by the application itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from lookalike.service.problem_codes import fault_of

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


def problem_response(
    status: int,
    *,
    code: str,
    title: str,
    detail: str,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, object]] | None = None,
    values: Mapping[str, object] | None = None,
) -> Response:
    """Make the reply.

    Args:
        status: of HTTP.
        code: a stable word for programs.
        title: the kind of problem, for a person; the same for each of its kind.
        detail: what was expected, what came and what to do.
        request_id: under which the log has it.
        headers: further ones, such as `Retry-After`.
        errors: what does not fit in a body: `where`, `detail`, `code` and `values` of each.
        values: the numbers and names of the detail; those that `lookalike.service.problem_codes` names.
    """
    given = dict(values or {})
    if fault := fault_of(code, given):
        _log.error("a problem does not say what it should: %s", fault)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "values": given,
        "request_id": request_id,
    }
    if errors is not None:
        body["errors"] = list(errors)
    content = json.dumps(body, default=str).encode("ascii")  # ASCII, so that lone surrogates in a detail survive
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)
