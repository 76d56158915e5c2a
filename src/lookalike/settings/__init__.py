"""Settings: argument, else environment, else file, else default. They are read here and nowhere else.

Those of a collection are re-exported; those of the service are in `service_reading`, which a search need not import.
"""

from lookalike.settings.collection import Settings, read_settings

__all__ = ["Settings", "read_settings"]
