"""Who asks, and what they may do: keys, tokens, tickets, grants, limits."""
