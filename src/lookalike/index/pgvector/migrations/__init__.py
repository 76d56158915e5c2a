"""The tables that all indexes of a database share, in numbered files of SQL."""
