"""The approximate engine, on FAISS, which is imported when it is first needed."""

from lookalike.index.faiss.building import build_index
from lookalike.index.faiss.index import FaissIndex
from lookalike.index.faiss.recipes import OperatingPoint

__all__ = ["FaissIndex", "OperatingPoint", "build_index"]
