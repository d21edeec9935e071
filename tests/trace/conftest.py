"""Every test records in memory."""

import gc
from collections.abc import Iterator

import pytest

from tests.recorder import recorder

__all__ = ["no_garbage_collection", "recorder"]


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Keep the collector still: the interpreter drops what is raised in its callbacks, and hypothesis has one."""
    gc.disable()
    yield
    gc.enable()
