"""Backups: made while all goes on, checked, restored."""

from lookalike.pipelines.backup.check import check_backup, restore_backup
from lookalike.pipelines.backup.make import make_backup
from lookalike.pipelines.backup.place import CollectionPlace, Place
from lookalike.pipelines.backup.sums import Backup

__all__ = ["Backup", "CollectionPlace", "Place", "check_backup", "make_backup", "restore_backup"]
