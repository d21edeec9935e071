"""The pytest fixture `xray_recorder`; pytest finds it by the package's entry point."""

from collections.abc import Iterator

import pytest

from xray_trace.default import install
from xray_trace.testing import MemoryTracer

__all__ = ["xray_recorder"]


@pytest.fixture
def xray_recorder() -> Iterator[MemoryTracer]:
    """Record everything of one test in memory, and let `steps` and `events` tell of it."""
    tracer = MemoryTracer()
    former = install(tracer)
    yield tracer
    install(former)
