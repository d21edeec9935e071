"""A run of 20 nested LangChain runnables: each invokes the next one.

python -m integrating.programs.nested TOOL RUNS

Each tool is imported by itself: ours looks for OpenTelemetry's spans in a program that has it.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from integrating.programs.bursts import answer_bursts

DEPTH = 20
DRAIN_SECONDS = 60.0


class Tool(NamedTuple):
    """How a tool is used: what a run is given, and how all that was recorded is sent."""

    config: RunnableConfig | None
    drain: Callable[[], object]


def plain() -> Tool:
    """Trace nothing."""
    return Tool(None, lambda: None)


def xray() -> Tool:
    """Record every run."""
    import xray_langchain

    import xray_trace

    xray_langchain.install()
    return Tool(None, lambda: xray_trace.flush(DRAIN_SECONDS))


def openinference() -> Tool:
    """Instrument as its documentation says, with a batch processor."""
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return Tool(None, lambda: provider.force_flush(int(DRAIN_SECONDS * 1000)))


def langfuse() -> Tool:
    """Pass its handler."""
    from langfuse import get_client
    from langfuse.langchain import CallbackHandler

    client = get_client()
    return Tool({"callbacks": [CallbackHandler()]}, client.flush)


def nested(depth: int) -> Runnable[Any, Any]:
    """Return a runnable in which so many others run, one in another."""
    inner = nested(depth - 1) if depth > 1 else None

    def run(value: dict[str, Any]) -> dict[str, Any]:
        return {"depth": depth, "question": value["question"]} if inner is None else inner.invoke(value)

    return RunnableLambda(run).with_config(run_name=f"measured_call {depth}")


def main(tool_name: str, runs: int) -> None:
    """Measure one tool, as often as is asked for."""
    tool = {"plain": plain, "xray": xray, "openinference": openinference, "langfuse": langfuse}[tool_name]()
    chain = nested(DEPTH)

    def work(count: int) -> Iterator[object]:
        for number in range(count):
            yield chain.invoke({"question": f"Steel bottle {number}"}, tool.config)

    answer_bursts(work, runs, tool.drain)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
