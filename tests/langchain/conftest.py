"""Every test records in memory, and fails if it leaves a run open."""

from collections.abc import Iterator

import pytest
from xray_langchain import install, uninstall
from xray_langchain.open_runs import OPEN_RUNS

from tests.recorder import recorder

__all__ = ["recorder"]


@pytest.fixture(autouse=True)
def _no_run_is_left() -> Iterator[None]:
    yield
    uninstall()
    assert (len(OPEN_RUNS), OPEN_RUNS.roots) == (0, [])


@pytest.fixture
def installed() -> None:
    install()
