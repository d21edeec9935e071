"""The OpenTelemetry SDK: a span a call, with nothing captured."""

import functools
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from recording.tools.tool import DRAIN_SECONDS, Function, Tool

__all__ = ["Otel", "start"]


class Otel(Tool):
    """Spans by `start_as_current_span`, a batch processor, OTLP over HTTP with protobuf."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer = self.provider.get_tracer("benchmark")

    def record(self, function: Function) -> Function:
        """Open a span around each call."""
        tracer, name = self.tracer, function.__name__

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(name):
                return function(*args, **kwargs)

        return recorded

    def record_async(self, function: Function) -> Function:
        """Open a span around each await."""
        tracer, name = self.tracer, function.__name__

        @functools.wraps(function)
        async def recorded(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(name):
                return await function(*args, **kwargs)

        return recorded

    def trace(self) -> AbstractContextManager[object]:
        """Begin a span that is the parent of the rest."""
        span: AbstractContextManager[object] = self.tracer.start_as_current_span("burst")
        return span

    def drain(self) -> None:
        """Force the processor to flush."""
        self.provider.force_flush(int(DRAIN_SECONDS * 1000))


def start() -> Tool:
    """Return the tool with a provider of its own."""
    return Otel()
