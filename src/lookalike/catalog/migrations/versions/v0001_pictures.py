"""Pictures, their vectors, files, metadata and refusals."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

APPLICATION_ID = 0x4C4F4F4B  # "LOOK": tells our files from other SQLite files


def upgrade() -> None:
    """Make the tables."""
    op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    op.create_table(
        "images",
        sa.Column("key", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("taken_at", sa.Text),
        sa.Column("camera", sa.Text),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("images_by_seq", "images", ["seq"], unique=True)
    op.create_table(
        "vectors",
        sa.Column("key", sa.Integer, sa.ForeignKey("images.key"), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    _create_files()
    _create_terms()
    op.create_table(
        "refused",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _create_files() -> None:
    op.create_table(
        "files",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Integer, sa.ForeignKey("images.key"), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("files_by_key", "files", ["key"])
    op.create_index("files_by_folder", "files", ["folder"])


def _create_terms() -> None:
    op.create_table(
        "terms",
        sa.Column("key", sa.Integer, sa.ForeignKey("images.key"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text),
        sa.Column("number", sa.Numeric),
        sqlite_with_rowid=False,
    )
    op.create_index("terms_by_text", "terms", ["name", "text"])
    op.create_index("terms_by_number", "terms", ["name", "number"])
