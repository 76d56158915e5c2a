"""Vectors of further models; counts that are kept, so that nobody counts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTED = {"images": "NOT removed", "files": "1", "refused": "1"}


def upgrade() -> None:
    """Make the tables, count what is there, and have it counted from now on."""
    op.create_table(
        "further_models",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("model_id", sa.Text, nullable=False, unique=True),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "model_vectors",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("key", sa.Integer, sa.ForeignKey("images.key"), nullable=False),
        sa.Column("model", sa.Integer, sa.ForeignKey("further_models.number"), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_index("model_vectors_by_key", "model_vectors", ["model", "key"], unique=True)
    for table, counts in _COUNTED.items():
        op.execute(f"INSERT INTO settings (name, value) SELECT 'count {table}', count(*) FROM {table} WHERE {counts}")
    op.execute("INSERT INTO settings (name, value) VALUES ('version', '0')")
    _count_from_now_on()


def _count_from_now_on() -> None:
    for table in ("files", "refused"):
        _trigger(f"{table}_put", f"INSERT ON {table}", _counted(table, "+ 1"))
        _trigger(f"{table}_gone", f"DELETE ON {table}", _counted(table, "- 1"))
    _trigger("images_put", "INSERT ON images WHEN NOT NEW.removed", _counted("images", "+ 1"))
    _trigger("images_gone", "DELETE ON images WHEN NOT OLD.removed", _counted("images", "- 1"))
    _trigger(
        "images_changed",
        "UPDATE OF removed ON images WHEN NEW.removed != OLD.removed",
        _counted("images", "+ OLD.removed - NEW.removed"),
    )
    change = "UPDATE further_models SET count = count {} 1 WHERE number = {}.model"
    _trigger("model_vectors_put", "INSERT ON model_vectors", change.format("+", "NEW"))
    _trigger("model_vectors_gone", "DELETE ON model_vectors", change.format("-", "OLD"))


def _counted(table: str, change: str) -> str:
    return f"UPDATE settings SET value = CAST(value AS INTEGER) {change} WHERE name = 'count {table}'"


def _trigger(name: str, event: str, statement: str) -> None:
    op.execute(f"CREATE TRIGGER {name} AFTER {event} BEGIN {statement}; END")
