"""A recorder in memory, for tests of what is recorded in this process."""

from collections.abc import Iterator

import pytest

from xray_trace.default import install
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import NoopTracer

__all__ = ["recorder"]


@pytest.fixture
def recorder(request: pytest.FixtureRequest) -> Iterator[MemoryTracer]:
    """Record in memory, and fail the test if the guard swallowed an error that it did not ask for."""
    tracer = MemoryTracer()
    former = install(tracer)
    yield tracer
    install(former or NoopTracer())
    if request.node.get_closest_marker("swallows") is None:
        assert tracer.stats().swallowed == 0, repr(tracer.guard.last)
