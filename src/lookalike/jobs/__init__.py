"""Work that is done later: the promise of jobs and its engines."""
