"""What engines keep things with: SQLite files, locks, files that are there whole or not at all, caches, fetching."""
