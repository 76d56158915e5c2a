"""Query parameters that a route does not declare, or that come twice, are refused as fields of a body are.

FastAPI ignores the ones, and of the others takes the last. What a route declares is read from the route itself. Files
of the page and `/docs` take whatever stands behind their `?`, for that is how people get past caches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from starlette.requests import HTTPConnection

from lookalike.service.problems import MOST_FAULTS, InvalidBody, errors_of


def check_parameters(connection: HTTPConnection) -> None:
    """Refuse a request or WebSocket with parameters that its route does not take.

    To be called once it is known who asks: strangers learn of nothing but that.

    Raises:
        InvalidBody: with all faults of its query, those of values among them.
    """
    if not connection.scope["query_string"]:
        return
    declared = {field.alias: field for field in _fields_of(connection.scope["route"].dependant)}
    strays = list(islice(_strays(connection, list(declared)), MOST_FAULTS))
    if strays:
        raise InvalidBody(errors_of([*strays, *_of_values(connection, declared)]))


def _fields_of(dependant: Any) -> Iterator[Any]:
    """FastAPI's fields of the parameters that a route and its dependencies take."""
    return chain(dependant.query_params, *(_fields_of(one) for one in dependant.dependencies))


def _strays(connection: HTTPConnection, known: list[str]) -> Iterator[dict[str, object]]:
    """What is wrong with names, as Pydantic tells faults."""
    expected = f"one of {', '.join(known)}" if known else "no parameters"
    for name, times in Counter(name for name, _ in connection.query_params.multi_items()).items():
        if name not in known:
            yield {"type": "extra_forbidden", "loc": ("query", name), "msg": f"expected {expected}, got another"}
        elif times > 1:
            yield {"type": "repeated", "loc": ("query", name), "msg": f"expected it once, got it {times} times"}


def _of_values(connection: HTTPConnection, declared: dict[str, Any]) -> Iterator[dict[str, object]]:
    """What FastAPI would have found wrong with values, had it come to that."""
    for name, field in declared.items():
        if name in connection.query_params:
            yield from field.validate(connection.query_params[name], loc=("query", name))[1]
