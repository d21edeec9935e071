"""Our headers among those of a message, and among what a worker made of them.

Whatever stands at the top level of a message and is not Celery's own, a worker shows as `request.headers`; unless the
message has an inner `headers`, which then is all that it shows. So where there is one, ours are put in there, too;
where there is none we make none, which would hide what stands at the top.
"""

from collections.abc import Mapping
from typing import Any

from xray_trace.instrumentation import CONTEXT, TRACEPARENT, Scope, Trace, continued, inject_scope

__all__ = ["HEADER_GROUP", "STEP_ID", "continue_request", "names_a_trace", "write_headers"]

STEP_ID = "xray-step"
"""The id of the step that the run will be; the worker writes it, for its child processes and itself."""
HEADER_GROUP = "xray-chord-header"
"""The group of tasks whose results a chord's body is given."""


def write_headers(headers: dict[str, Any], scope: Scope | None) -> None:
    """Write where the message comes from; what a retried message says of its former attempt is overwritten."""
    _write(headers, scope)
    inner = headers.get("headers")
    if isinstance(inner, Mapping):
        inner = dict(inner)  # it may be the user's own
        _write(inner, scope)
        headers["headers"] = inner


def _write(headers: dict[str, Any], scope: Scope | None) -> None:
    headers.pop(STEP_ID, None)
    theirs = headers.get(TRACEPARENT)
    if theirs is None or _is_ours(headers):
        headers.update(inject_scope({}, scope))
        return
    ours = inject_scope({TRACEPARENT: theirs}, scope)
    if _is_ours(ours):  # else it is that of OpenTelemetry's current span
        ours[TRACEPARENT] = theirs
    headers.update(ours)


def _is_ours(headers: Mapping[str, Any]) -> bool:
    """Tell whether the `traceparent` is the one that stands for the trace in our own header."""
    trace_digits = str(headers.get(TRACEPARENT))[3:35]
    return len(trace_digits) == 32 and trace_digits in str(headers.get(CONTEXT)).replace("-", "")


def names_a_trace(fields: Mapping[str, Any]) -> bool:
    """Tell whether our own header is there."""
    return CONTEXT in fields or CONTEXT in (fields.get("headers") or {})


def continue_request(fields: Mapping[str, Any], name: str) -> Trace:
    """Return the trace that a request came with, or one that begins with it; whoever runs in it ends it in turn."""
    trace = continued(fields if fields.get(CONTEXT) else _with_inner(fields), name=name)
    if trace.trace_id and not trace.is_continued:  # retries and links of a task that began it are not over with it
        trace.is_handed_over = True
    return trace


def _with_inner(fields: Mapping[str, Any]) -> dict[str, Any]:
    inner = fields.get("headers") or {}
    return {key: value for key in (CONTEXT, TRACEPARENT) if (value := fields.get(key) or inner.get(key))}
