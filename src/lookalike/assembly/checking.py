"""Whether the servers that a service is told of are as it needs them, looked at before anything is made on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lookalike.core.errors import BadInput, LookalikeError, MissingExtra, ServiceDown

if TYPE_CHECKING:
    from lookalike.settings.service import ServiceSettings


def check_servers(settings: ServiceSettings) -> list[str]:
    """Look at each server that is set. What is made there for that goes again at once.

    One that does not answer may be away for the moment: who starts without it finds it once it is there.

    Args:
        settings: of the service.
    Returns:
        a line for each thing that keeps nobody from starting.
    Raises:
        BadInput, MissingExtra: when one cannot be asked at all.
        ServiceDown: when one answers and is not as it has to be; names the setting, and says what to do.
    """
    return [
        line for name, check in _CHECKS.items() if getattr(settings, name) for line in _look_at(name, check, settings)
    ]


def _look_at(name: str, check: Callable[[ServiceSettings], list[str]], settings: ServiceSettings) -> list[str]:
    try:
        return [f"setting `{name}`: {line}" for line in check(settings)]
    except (BadInput, MissingExtra):
        raise
    except LookalikeError as error:
        raise ServiceDown(f"setting `{name}`: {error}") from error


def _check_database(settings: ServiceSettings) -> list[str]:
    from lookalike.catalog.postgres import LIST
    from lookalike.ledger.postgres import TABLES
    from lookalike.storage.postgres.checking import check_database

    return check_database(settings.database, [LIST, TABLES])


def _check_vectors(settings: ServiceSettings) -> list[str]:
    from lookalike.index.pgvector import check_vectors

    return check_vectors(settings.vectors)


def _check_objects(settings: ServiceSettings) -> list[str]:
    from lookalike.assembly.servers import bucket_of
    from lookalike.objects.s3_check import check_bucket

    origins = settings.cors_origins if settings.flow == "direct" else ()
    return check_bucket(
        bucket_of(settings),
        origins=origins,
        public_endpoint=settings.objects_public_endpoint,
        takes_pages=settings.flow == "direct" and (settings.page is not None or bool(origins)),
    )


def _check_broker(settings: ServiceSettings) -> list[str]:
    from lookalike.dispatch.rabbitmq import check_broker

    return check_broker(settings.broker)


_CHECKS: Final[dict[str, Callable[[ServiceSettings], list[str]]]] = {
    "database": _check_database,
    "vectors": _check_vectors,
    "objects": _check_objects,
    "broker": _check_broker,
}
"""By the setting that names the server."""
