"""Export a collection into one file, and import it elsewhere: nothing is embedded twice."""

from lookalike.transfer.exporting import export_collection
from lookalike.transfer.importing import ImportReport, import_collection, origin_of_export

__all__ = ["ImportReport", "export_collection", "import_collection", "origin_of_export"]
