"""Real servers of other makers on this machine, for tests and for trying things out; one file each."""
