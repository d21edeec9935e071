"""The servers that the tests talk to: once a session, or those that the environment names.

`XRAY_TEST_MONGODB_URL` is a URL without a database's name. A server that does not start fails each test that needs it.
"""

import os
from collections.abc import Iterator

import pytest

from tests.servers.secantus import Secantus

__all__ = ["mongodb_url"]


@pytest.fixture(scope="session")
def mongodb_url() -> Iterator[str]:
    """A URL without a database's name; tests take databases of their own."""
    given = os.environ.get("XRAY_TEST_MONGODB_URL")
    if given:
        yield given
        return
    with Secantus() as secantus:
        yield secantus.url
