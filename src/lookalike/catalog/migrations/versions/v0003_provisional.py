"""Pictures whose vector is a client's, not compared yet; all that were there before are not."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("images", sa.Column("provisional", sa.Boolean, nullable=False, server_default="0"))
