"""What is known of an index that answers."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.core.records import Json
from lookalike.view.recall_gauge import RecallFacts


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """Which version of an index elsewhere answered.

    Attributes:
        engine: of the index.
        version: its name; None where none can be searched yet, so that all of the catalog's vectors are compared.
        behind: of how many pictures it has not taken in what has changed; who searches compares those.
        not_fed: why this process could not bring it further, in words; None where it can, or another one does.
    """

    engine: str
    version: str | None
    behind: int
    not_fed: str | None


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """The index that answered.

    Attributes:
        engine: its name.
        cursor: it had applied all changes of the catalog up to this place in its feed.
        count: pictures in it.
        dimension: of what it compared.
        projection_version: the number in the catalog of what says how vectors came into it; 0 where there is none.
        projection_learnt_from: number of pictures the projection was learnt from; 0 where raw vectors were compared.
        recall: the recall@10 measured when it was made; 1.0 where all pictures are compared.
        parameters: how it was made.
        gauge: what a sample of real searches, answered exactly too, tells of the recall; None where all are exact.
        elsewhere: of an index that lives elsewhere; None of one in this process.
    """

    engine: str
    cursor: str
    count: int
    dimension: int
    projection_version: int
    projection_learnt_from: int
    recall: float
    parameters: dict[str, Json]
    gauge: RecallFacts | None
    elsewhere: VersionFacts | None = None
