"""The servers of `tests/servers`, and which tests are `live`: run by `make test-live`, and by nothing else."""

import os
from pathlib import Path

import pytest

from tests.servers.fixtures import LIVE, kafka_servers, mongodb_url, s3_endpoint

__all__ = ["kafka_servers", "mongodb_url", "s3_endpoint"]

LIVE_FOLDER = Path(__file__).parent / "live"
LONGEST = LIVE_FOLDER / "chaos"
REAL = {"kafka_servers", "s3_endpoint"} | ({"mongodb_url"} if "XRAY_TEST_MONGODB_URL" in os.environ else set())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in `live/`; and, where the servers are the real ones, whatever talks to them."""
    for item in items:
        talks = not REAL.isdisjoint(getattr(item, "fixturenames", ()))
        if LIVE_FOLDER in item.path.parents or (LIVE and talks):
            item.add_marker(pytest.mark.live)
    items.sort(key=lambda item: LONGEST not in item.path.parents)  # begun last, it would keep one worker alone at work
