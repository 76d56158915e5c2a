"""The view of a catalog: the index that follows it, what is kept in step with that, and who looks after it."""
