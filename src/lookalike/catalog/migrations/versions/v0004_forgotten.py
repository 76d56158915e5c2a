"""Metadata of removed pictures, kept for a while; of those that were removed before, none is left to keep."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table, and count its rows from the first on."""
    op.create_table(
        "forgotten",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("forgotten_by_time", "forgotten", ["removed_at"])
    op.execute("INSERT INTO settings (name, value) VALUES ('count forgotten', '0')")
    for name, event, change in (("put", "INSERT", "+ 1"), ("gone", "DELETE", "- 1")):
        op.execute(
            f"CREATE TRIGGER forgotten_{name} AFTER {event} ON forgotten BEGIN UPDATE settings"
            f" SET value = CAST(value AS INTEGER) {change} WHERE name = 'count forgotten'; END"
        )
