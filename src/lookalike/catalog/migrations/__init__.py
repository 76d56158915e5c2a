"""Numbered steps from one format of the catalog to the next: append-only, one transaction each, never edited."""
