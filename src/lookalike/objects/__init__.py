"""Bytes of pictures that lie in no file of the user's own, by the hash of their content."""
