"""SQLite files that many threads and processes use."""
