"""All that a file holds of a picture: every frame, every bit, transparency, and what lies behind it."""
