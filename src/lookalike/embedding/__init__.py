"""Pixels in, unit vectors out: the promise and its engines."""
