"""Search by image: a folder of pictures becomes searchable in one command.

import lookalike

with lookalike.open("photos.lookalike") as photos:
    photos.index("~/Pictures")
    for hit in photos.search("cat.jpg", k=12):
        print(hit.rank, round(hit.similarity, 3), hit.path)

What is named here is imported when it is first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lookalike.core.telemetry import switch_off

if TYPE_CHECKING:
    from lookalike.assembly.collection import open_collection as open  # noqa: A004  # meant to be read as lookalike.open
    from lookalike.collection import Collection
    from lookalike.core.errors import (
        AccessDenied,
        BadFilter,
        BadInput,
        BadQuery,
        BadVectors,
        Busy,
        CatalogDamaged,
        CollectionError,
        CollectionReplaced,
        Conflict,
        CursorUnknown,
        DeadlineExceeded,
        DecoderDied,
        DimensionMismatch,
        FetchRefused,
        FormatTooNew,
        ImageRefused,
        Interrupted,
        LeaseLost,
        Locked,
        LookalikeError,
        MissingExtra,
        ModelUnavailable,
        NoCollection,
        NotAllowed,
        NotAuthenticated,
        NotFound,
        NotIndexed,
        Overloaded,
        Overtaken,
        PartBusy,
        QuotaExceeded,
        RateLimited,
        ReadOnly,
        ServiceDown,
        SnapshotDamaged,
        StorageFailed,
        UnknownField,
        UploadRefused,
        WouldOverwrite,
        WrongModel,
    )
    from lookalike.core.filters import Filter
    from lookalike.duplicates.result import DuplicateGroup, Duplicates
    from lookalike.further.further_models import FurtherReport
    from lookalike.images.crop import Crop
    from lookalike.ingest.ingest_report import IngestReport
    from lookalike.ingest.metadata import MetadataReport, MetadataTable
    from lookalike.models.adapt import adapt
    from lookalike.neighbours.knn import knn
    from lookalike.neighbours.result import KnnResult
    from lookalike.parts.collection_info import CollectionInfo
    from lookalike.parts.reply import Hit, Reply
    from lookalike.results import SearchResult
    from lookalike.search.local_features import Match
    from lookalike.search.stored_pictures import StoredPicture
    from lookalike.transfer import ImportReport
    from lookalike.view.facts import IndexFacts

switch_off()

__version__ = "0.1.0"
__all__ = [
    "AccessDenied",
    "BadFilter",
    "BadInput",
    "BadQuery",
    "BadVectors",
    "Busy",
    "CatalogDamaged",
    "Collection",
    "CollectionError",
    "CollectionInfo",
    "CollectionReplaced",
    "Conflict",
    "Crop",
    "CursorUnknown",
    "DeadlineExceeded",
    "DecoderDied",
    "DimensionMismatch",
    "DuplicateGroup",
    "Duplicates",
    "FetchRefused",
    "Filter",
    "FormatTooNew",
    "FurtherReport",
    "Hit",
    "ImageRefused",
    "ImportReport",
    "IndexFacts",
    "IngestReport",
    "Interrupted",
    "KnnResult",
    "LeaseLost",
    "Locked",
    "LookalikeError",
    "Match",
    "MetadataReport",
    "MetadataTable",
    "MissingExtra",
    "ModelUnavailable",
    "NoCollection",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "NotIndexed",
    "Overloaded",
    "Overtaken",
    "PartBusy",
    "QuotaExceeded",
    "RateLimited",
    "ReadOnly",
    "Reply",
    "SearchResult",
    "ServiceDown",
    "SnapshotDamaged",
    "StorageFailed",
    "StoredPicture",
    "UnknownField",
    "UploadRefused",
    "WouldOverwrite",
    "WrongModel",
    "__version__",
    "adapt",
    "knn",
    "open",
]

_MODULES = {
    "Collection": "lookalike.collection",
    "CollectionInfo": "lookalike.parts.collection_info",
    "Crop": "lookalike.images.crop",
    "DuplicateGroup": "lookalike.duplicates.result",
    "Duplicates": "lookalike.duplicates.result",
    "Filter": "lookalike.core.filters",
    "FurtherReport": "lookalike.further.further_models",
    "Hit": "lookalike.parts.reply",
    "ImportReport": "lookalike.transfer",
    "IndexFacts": "lookalike.view.facts",
    "IngestReport": "lookalike.ingest.ingest_report",
    "KnnResult": "lookalike.neighbours.result",
    "Match": "lookalike.search.local_features",
    "MetadataReport": "lookalike.ingest.metadata",
    "MetadataTable": "lookalike.ingest.metadata",
    "Reply": "lookalike.parts.reply",
    "SearchResult": "lookalike.results",
    "StoredPicture": "lookalike.search.stored_pictures",
    "adapt": "lookalike.models.adapt",
    "knn": "lookalike.neighbours.knn",
    "open": "lookalike.assembly.collection",
}
"""Where each name lies; all others are errors."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    module = import_module(_MODULES.get(name, "lookalike.core.errors"))
    value = globals()[name] = getattr(module, "open_collection" if name == "open" else name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
