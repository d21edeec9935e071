"""Every test records in memory, and fails if the guard swallowed an error that the test did not ask for."""

import gc
from collections.abc import Iterator

import pytest

from xray_trace.default import install
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import NoopTracer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "swallows: the test makes the guard swallow an error, and checks it")


@pytest.fixture
def recorder(request: pytest.FixtureRequest) -> Iterator[MemoryTracer]:
    tracer = MemoryTracer()
    former = install(tracer)
    yield tracer
    install(former or NoopTracer())
    if request.node.get_closest_marker("swallows") is None:
        assert tracer.stats().swallowed == 0, repr(tracer.guard.last)


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Keep the collector still: the interpreter drops what is raised in its callbacks, and hypothesis has one."""
    gc.disable()
    yield
    gc.enable()
