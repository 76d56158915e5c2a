"""Types, vectors, filters and errors that every floor shares: numpy and the standard library only."""
