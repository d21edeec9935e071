"""The Celery application of both client and worker, with the tool that `BENCHMARK_TOOL` names."""

import os
from typing import Any

import xray_celery
from celery import Celery
from celery.signals import worker_process_init
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

URL = os.environ["BENCHMARK_REDIS"]
TOOL = os.environ["BENCHMARK_TOOL"]

app = Celery("shop", broker=URL, backend=URL)
provider = TracerProvider()


@app.task(name="measured_call")
def price(product: str, quantity: int) -> dict[str, Any]:
    """Do next to nothing, so that what is measured is what lies around it."""
    return {"product": product, "total": quantity * 3}


def start_otel(**kwargs: object) -> None:
    """Instrument this process; its documentation has it done in each of a pool's processes, after the fork."""
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    CeleryInstrumentor().instrument(tracer_provider=provider)


if TOOL == "xray":
    xray_celery.install()
elif TOOL == "otel":
    worker_process_init.connect(start_otel, weak=False)
