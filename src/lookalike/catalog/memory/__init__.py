"""The catalog in memory: nothing outlives it. Each commit costs time that grows with what there is."""

from lookalike.catalog.memory.catalog import MemoryCatalog

__all__ = ["MemoryCatalog"]
