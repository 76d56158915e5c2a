"""Whether two pictures are copies of one another: the second look, at their own resolution and in colour."""
