"""Settings: argument, else environment, else file, else default. They are read here and nowhere else."""

from lookalike.settings.collection import Settings, read_settings
from lookalike.settings.service import ServiceSettings
from lookalike.settings.service_reading import read_service_settings

__all__ = ["ServiceSettings", "Settings", "read_service_settings", "read_settings"]
