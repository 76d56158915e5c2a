"""What engines keep in PostgreSQL with: connections, migrations, and being told of changes."""
