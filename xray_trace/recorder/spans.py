"""OpenTelemetry in the same program: our steps name its current span, and that names our step.

Nothing of it is imported here; a program that has it has imported it.
"""

import sys
from typing import TYPE_CHECKING, Any

from xray_trace.headers import Span

if TYPE_CHECKING:
    from xray_trace.recorder.step import Step

__all__ = ["current_span", "has_spans", "link_to_span"]

_API = "opentelemetry.trace"


def has_spans() -> bool:
    """Tell whether the program has imported OpenTelemetry's API."""
    return sys.modules.get(_API) is not None


def current_span() -> Span | None:
    """Return OpenTelemetry's current span."""
    api: Any = sys.modules.get(_API)
    return None if api is None else _read(api.get_current_span())


def link_to_span(step: "Step") -> None:
    """Write the current span's ids into the step's metadata, and the step's into the span's attributes.

    Of several steps within one span it is the first, the outermost, that the span names.
    """
    api: Any = sys.modules[_API]
    span: Any = api.get_current_span()
    seen = None if span is api.INVALID_SPAN else _read(span)  # where nothing is traced it is that one, nearly always
    if seen is None:
        return
    step.add_metadata({"otel": {"trace_id": seen.trace_id, "span_id": seen.span_id}})
    if span.is_recording() and "xray.step_id" not in (getattr(span, "attributes", None) or {}):
        span.set_attribute("xray.trace_id", step.trace.trace_id)
        span.set_attribute("xray.step_id", step.step_id)


def _read(span: Any) -> Span | None:
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return Span(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)
