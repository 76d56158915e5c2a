"""Pictures: what may come in, how it is decoded, turned upright and written; how a URL is fetched."""
