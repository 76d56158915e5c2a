"""The public object: what a user can do with a set of pictures."""

from lookalike.collection.collection import Collection
from lookalike.collection.models import Models
from lookalike.collection.pictures import Pictures

__all__ = ["Collection", "Models", "Pictures"]
