"""What no output may take the place of: the files of a query, and every picture of the collection."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadQuery, CollectionError
from lookalike.images.pictures import Picture
from lookalike.search.query import SourceKind, parse_query
from lookalike.storage.output_file import Precious, either, inputs_are_precious


def precious_files(catalog: Catalog, query: Picture | None) -> Precious:
    """Says of a file whether it is one of these, under whatever name, link or spelling.

    Args:
        catalog: of the collection.
        query: as it was asked; None where there is none.
    """
    return either(inputs_are_precious(_files_of(query), what="the query"), _OfCollection(catalog))


def _files_of(query: Picture | None) -> list[str]:
    if isinstance(query, os.PathLike):
        return [os.fspath(query)]
    if not isinstance(query, str):
        return []
    try:
        return [term.text for term in parse_query(query) if term.kind is SourceKind.FILE]
    except BadQuery:  # whoever searches is told
        return []


@dataclass(frozen=True, slots=True)
class _OfCollection:
    """By its content, which links and other spellings share, and by its name, where it has changed since."""

    catalog: Catalog

    def __call__(self, target: Path) -> str | None:
        try:
            if self.catalog.file(str(target)) is not None or self.catalog.keys([_content_id(target)]):
                return "a picture of the collection"
        except OSError:  # what cannot be read carries no mark either
            return None
        except CollectionError:
            return "perhaps a picture of the collection, which is closed and cannot be asked"
        return None


def _content_id(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
