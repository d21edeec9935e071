"""Events to be sent, right unless a field says otherwise."""

from typing import Any

NOW_MS = 1_768_150_521_013
NOW = "2026-01-11T16:55:21.013Z"


def trace_start(trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return {"type": "trace-start", "traceId": trace_id, "createdAt": NOW_MS} | fields


def trace_success(trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return {"type": "trace-success", "traceId": trace_id, "endedAt": NOW_MS} | fields


def trace_failure(trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return {"type": "trace-failure", "traceId": trace_id, "endedAt": NOW_MS} | fields


def step(step_id: str = "step-1", trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return {
        "type": "step",
        "stepId": step_id,
        "traceId": trace_id,
        "stepName": "rank",
        "stepNumber": 1,
        "timestamp": NOW_MS,
    } | fields


def step_error(step_id: str = "step-1", trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return step(step_id, trace_id, type="step-error", metadata={"error": "no", "errorType": "ValueError"}) | fields


def trace_error(step_id: str = "step-1", trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return {"type": "trace-error", "stepId": step_id, "traceId": trace_id, "timestamp": NOW_MS} | fields


def data(data_id: str = "data-1", trace_id: str = "trace-1", **fields: Any) -> dict[str, Any]:
    return {"type": "data", "dataId": data_id, "traceId": trace_id, "key": "context"} | fields
