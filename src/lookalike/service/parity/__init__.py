"""Whether a browser computes the same vectors as the server: a page of our own in a headless browser."""
