"""Who is woken when there is something to do: the promise of a dispatch and its engines."""
