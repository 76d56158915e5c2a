"""Nearest neighbours for those who only want neighbours: vectors in, rows and values out, no collection."""
