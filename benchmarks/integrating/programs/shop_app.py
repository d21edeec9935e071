"""The Celery application of both client and worker, with the tool that `BENCHMARK_TOOL` names.

Each imports its own tool alone: ours looks for OpenTelemetry's spans in a program that has it.
"""

import os
from collections.abc import Callable
from typing import Any

from celery import Celery

URL = os.environ["BENCHMARK_REDIS"]
TOOL = os.environ["BENCHMARK_TOOL"]
DRAIN_SECONDS = 60.0

app = Celery("shop", broker=URL, backend=URL)


@app.task(name="measured_call")
def price(product: str, quantity: int) -> dict[str, Any]:
    """Do next to nothing, so that what is measured is what lies around it."""
    return {"product": product, "total": quantity * 3}


def plain() -> Callable[[], object]:
    """Trace nothing."""
    return lambda: None


def xray() -> Callable[[], object]:
    """Record every task, in this process and those that it forks."""
    import xray_celery

    import xray_trace

    xray_celery.install()
    return lambda: xray_trace.flush(DRAIN_SECONDS)


def otel() -> Callable[[], object]:
    """Instrument as its documentation says: a pool's processes by themselves, after the fork."""
    from celery.signals import worker_process_init
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()

    def start(**_: object) -> None:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        CeleryInstrumentor().instrument(tracer_provider=provider)

    def drain() -> bool:
        return provider.force_flush(int(DRAIN_SECONDS * 1000))

    if os.environ.get("BENCHMARK_ROLE") == "worker":
        worker_process_init.connect(start, weak=False)
    else:
        start()
    return drain


drain = {"plain": plain, "xray": xray, "otel": otel}[TOOL]()
"""Sends what this process has recorded; a worker's processes do so by themselves."""
