"""Projections as numbered versions, and leases; what earlier formats had learnt lies in their snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "projections",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("model", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("mean", sa.LargeBinary, nullable=False),
        sa.Column("components", sa.LargeBinary, nullable=False),
        sa.Column("learnt_from", sa.BigInteger, nullable=False),
        sa.Column("learnt_at", sa.Float, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
    )
    op.create_index("projections_by_version", "projections", ["model", "version"], unique=True)
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
