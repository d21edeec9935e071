"""Every test records in memory."""

from tests.recorder import recorder

__all__ = ["recorder"]
