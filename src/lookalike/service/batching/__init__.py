"""Embedding in batches, and the waiting lines that keep the event loop free."""

from __future__ import annotations

from lookalike.service.batching.embedding import Embedding
from lookalike.service.batching.observer import Observer
from lookalike.service.batching.picture import Embedded

__all__ = ["Embedded", "Embedding", "Observer"]
