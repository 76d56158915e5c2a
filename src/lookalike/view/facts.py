"""What is known of an index that answers."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.core.records import Json
from lookalike.view.recall_gauge import RecallFacts


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """The index that answered.

    Attributes:
        engine: its name.
        seq: it had applied all changes of the catalog up to this number.
        count: pictures in it.
        dimension: of what it compared.
        projection_learnt_from: number of pictures the projection was learnt from; 0 where raw vectors were compared.
        recall: the recall@10 measured when it was made; 1.0 where all pictures are compared.
        parameters: how it was made.
        gauge: what a sample of real searches, answered exactly too, tells of the recall; None where all are exact.
    """

    engine: str
    seq: int
    count: int
    dimension: int
    projection_learnt_from: int
    recall: float
    parameters: dict[str, Json]
    gauge: RecallFacts | None
