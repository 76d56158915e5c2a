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
        DeadlineExceeded,
        DimensionMismatch,
        FetchRefused,
        FormatTooNew,
        ImageRefused,
        Interrupted,
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
    from lookalike.models.adapt import adapt
    from lookalike.pipelines.collection_info import CollectionInfo
    from lookalike.pipelines.duplicates.result import DuplicateGroup, Duplicates
    from lookalike.pipelines.further_models import FurtherReport
    from lookalike.pipelines.ingest_report import IngestReport
    from lookalike.pipelines.knn import knn
    from lookalike.pipelines.knn_result import KnnResult
    from lookalike.pipelines.local_features import Match
    from lookalike.pipelines.metadata import MetadataReport, MetadataTable
    from lookalike.pipelines.query import Crop
    from lookalike.pipelines.reply import Hit, IndexFacts, Reply
    from lookalike.pipelines.stored_pictures import StoredPicture
    from lookalike.pipelines.transfer import ImportReport
    from lookalike.results import SearchResult

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
    "DeadlineExceeded",
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
    "CollectionInfo": "lookalike.pipelines.collection_info",
    "Crop": "lookalike.pipelines.query",
    "DuplicateGroup": "lookalike.pipelines.duplicates.result",
    "Duplicates": "lookalike.pipelines.duplicates.result",
    "Filter": "lookalike.core.filters",
    "FurtherReport": "lookalike.pipelines.further_models",
    "Hit": "lookalike.pipelines.reply",
    "ImportReport": "lookalike.pipelines.transfer",
    "IndexFacts": "lookalike.pipelines.reply",
    "IngestReport": "lookalike.pipelines.ingest_report",
    "KnnResult": "lookalike.pipelines.knn_result",
    "Match": "lookalike.pipelines.local_features",
    "MetadataReport": "lookalike.pipelines.metadata",
    "MetadataTable": "lookalike.pipelines.metadata",
    "Reply": "lookalike.pipelines.reply",
    "SearchResult": "lookalike.results",
    "StoredPicture": "lookalike.pipelines.stored_pictures",
    "adapt": "lookalike.models.adapt",
    "knn": "lookalike.pipelines.knn",
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
