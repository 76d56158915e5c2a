"""The list of catalogs of a database: append-only, as the tables of a catalog."""
