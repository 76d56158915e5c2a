"""Several machines with the same catalog: each has connections of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from lookalike.catalog.patience import in_transaction
from lookalike.catalog.postgres.catalog import PostgresCatalog
from lookalike.catalog.postgres.catalogs import PostgresCatalogs
from tests.contract.test_catalog import MODEL, D, image, rows

NAME = "photos"


class Machines:
    """Opens the same catalog as often as wanted.

    Args:
        url: of a database of the test's own.
        options: of each catalog.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.url = url
        self._options = options
        self._stack = ExitStack()
        self.places = self.another_place()
        self.places.create(NAME)

    def another_place(self) -> PostgresCatalogs:
        """The catalogs as another machine has them."""
        places = PostgresCatalogs(self.url, **self._options)
        self._stack.callback(places.close)
        return places

    def another(self) -> PostgresCatalog:
        """The catalog as another machine has it."""
        catalog = self.another_place().open(NAME)
        catalog.claim_model(MODEL, D)
        return catalog

    def close(self) -> None:
        self._stack.close()


class Held:
    """A block that a machine keeps open."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        self._block = catalog.transaction()
        self.transaction: Any = self._block.__enter__()

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def give_up(self) -> None:
        with suppress(ZeroDivisionError):
            self._block.__exit__(ZeroDivisionError, ZeroDivisionError(), None)


def put(catalog: PostgresCatalog, *names: object, value: float = 1) -> list[int]:
    """Commit pictures; their keys."""
    images, vectors = [image(name) for name in names], rows(*[value] * len(names))
    return in_transaction(catalog, lambda transaction: transaction.put_images(images, vectors).tolist())


def together(*works: Callable[[], object]) -> None:
    """Do works on threads of their own, to their end; what one raises is raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
