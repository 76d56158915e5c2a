"""Duplicates: the same picture several times, byte by byte, pixel by pixel, or saved in another size or quality."""
