"""What stands in front of the application, each in a file: ids, logs, headers, limits, deadlines."""

from lookalike.service.edge.wrapping import Edge, edge

__all__ = ["Edge", "edge"]
