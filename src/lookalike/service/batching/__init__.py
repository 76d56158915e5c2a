"""What keeps the event loop free and its lines short: embedding in batches, and blocking calls on a few threads."""

from __future__ import annotations

from lookalike.service.batching.embedding import Embedding
from lookalike.service.batching.observer import Observer
from lookalike.service.batching.picture import Embedded
from lookalike.service.batching.threads import Threads

__all__ = ["Embedded", "Embedding", "Observer", "Threads"]
