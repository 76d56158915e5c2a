"""Backups: made while all goes on, checked, restored."""

from lookalike.backup.check import check_backup, restore_backup
from lookalike.backup.make import make_backup
from lookalike.backup.place import CollectionPlace, Place
from lookalike.backup.sums import Backup

__all__ = ["Backup", "CollectionPlace", "Place", "check_backup", "make_backup", "restore_backup"]
