"""What a collection is made of, as the flows are handed it, and what they answer."""
