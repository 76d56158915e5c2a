"""Work that is done later: the promise of a queue and its engines."""
