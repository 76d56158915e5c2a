"""Tell changes of vectors from changes of metadata; of those before, every one counts as one of the vector."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("images", sa.Column("vector_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE images SET vector_seq = seq")
    op.create_index("images_by_vector_seq", "images", ["vector_seq"], unique=True)
