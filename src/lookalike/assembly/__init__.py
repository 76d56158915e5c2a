"""The one place that picks engines: settings become wired parts, a file for each thing that is made."""

from lookalike.assembly.collection import IN_MEMORY, open_collection
from lookalike.assembly.models import open_model

__all__ = ["IN_MEMORY", "open_collection", "open_model"]
