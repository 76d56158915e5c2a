"""Search: from what is asked for to ranked pictures."""
