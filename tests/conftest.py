"""The servers of `tests/servers`."""

from tests.servers.fixtures import mongodb_url

__all__ = ["mongodb_url"]
