"""Nearest neighbours: the promise, the engines, the projection and the snapshots."""
