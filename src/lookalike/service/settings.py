"""What can be set of the service: see `lookalike.settings.service`."""

from lookalike.settings.service import ServiceSettings

__all__ = ["ServiceSettings"]
