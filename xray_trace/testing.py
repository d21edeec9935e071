"""For users' own tests: a tracer that keeps in memory what was recorded.

Under pytest the fixture `xray_recorder` gives one that is installed for the length of a test.
"""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from xray_trace.capture.capturer import Capturer
from xray_trace.config import load_config
from xray_trace.errors import ConfigError
from xray_trace.events import LateValue, Part, Record
from xray_trace.export.expander import Expander, lost_value_event
from xray_trace.guard import Guard, from_signal_handler
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.recorder import Recorder
from xray_trace.stats import FlushResult, Stats, StatsSnapshot
from xray_trace.tracer import BaseTracer

__all__ = ["MemoryTracer", "RecordedStep"]

_DESTINATION = "memory"


@dataclass(frozen=True)
class RecordedStep:
    """A step as the server would have stored it, with its values decoded."""

    name: str | None
    number: int | None
    trace_id: str
    metadata: Mapping[str, Any]
    inputs: Mapping[str, Any]
    """The values that went in by name, as JSON says them; others as bytes."""
    output: Any
    event: Mapping[str, Any]
    """The whole event, as it goes over the wire."""

    @property
    def failed(self) -> bool:
        """Tell whether the step ended with an exception."""
        return bool(self.event["type"] == "step-error")


class MemoryTracer(BaseTracer):
    """Records everything and sends nothing; large values are encoded at once.

    The options are those of `Tracer`; the environment is not asked. Raises ConfigError if one cannot be used.
    """

    def __init__(self, **options: Any) -> None:
        config = load_config({"api_key": "memory", **options}, environ={})
        if config.warnings:
            raise ConfigError(config.warnings[0])
        self._stats = Stats()
        self._sink = _MemorySink(self._stats)
        self.guard = Guard(self._stats.swallow_one, lambda line: None)
        core = RecorderCore(
            self._sink, Capturer(config.redact, pickle=config.pickle), self.guard, destination=_DESTINATION
        )
        self._recorder = Recorder(core, project_id=config.project_id, sample_rate=config.sample_rate)

    @property
    def recorder(self) -> Recorder:
        """Return what the decorators record with."""
        return self._recorder

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return everything recorded so far, as the events that would go over the wire, in order."""
        return [msgspec.json.decode(event) for event in self._sink.events()]

    @property
    def steps(self) -> list[RecordedStep]:
        """Return the steps recorded so far, in the order they ended."""
        events = self.events
        contents = {event["dataId"]: _content(event) for event in events if event["type"] == "data"}
        return [_step(e, contents) for e in events if e["type"] in {"step", "step-error", "trace-error"}]

    def flush(self, timeout_seconds: float = 0) -> FlushResult:
        """Return at once: everything is here already."""
        return self._stats.flush_result()

    def shutdown(self, timeout_seconds: float | None = None) -> FlushResult:
        """Return at once; what was recorded stays."""
        return self._stats.flush_result()

    def stats(self) -> StatsSnapshot:
        """Return what was recorded; `swallowed` above 0 means that the SDK itself failed somewhere."""
        return self._stats.snapshot()


class _MemorySink:
    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._expander = Expander(_DESTINATION)
        self._events: list[bytes] = []
        self._lock = threading.RLock()

    def put(self, record: Record, is_small: bool = False) -> None:
        """Keep the record's events."""
        if sys.is_finalizing():
            return
        parts = record.parts.copy()  # another thread may attach a value to a step that ends
        with self._lock:
            made = self._expander.expand(Record(record.trace_id, record.event, parts))
            self._events += made
            self._stats.record(len(made))
            self._stats.deliver(len(made))

    def put_late(self, value: LateValue) -> None:
        """Encode the value now; one that cannot be is told of as the server would be told."""
        try:
            stream = value.encode()
            body = b"".join(stream.chunks)
        except Exception as error:
            if from_signal_handler(error):
                raise
            self._lose(value, error)
            return
        part = Part(value.key, None, stream.content_type, body, b"", value.metadata, value.data_id, listed=False)
        self.put(Record(value.trace_id, b"", [part]))

    def _lose(self, value: LateValue, error: Exception) -> None:
        sentence = f"it could not be encoded ({type(error).__name__})"
        with self._lock:
            self._events.append(lost_value_event(value.trace_id, value.data_id, value.key, sentence))
            self._stats.record(2)  # the value, which is lost, and the event that says so
            self._stats.deliver(1)
            self._stats.drop("a large value could not be encoded")

    def events(self) -> list[bytes]:
        """Return a copy of the list."""
        with self._lock:
            return list(self._events)


def _content(event: Mapping[str, Any]) -> Any:
    content = event.get("content", "")
    if event.get("contentEncoding") == "base64":
        return msgspec.convert(content, bytes)
    if event.get("contentType") == "application/json":
        return msgspec.json.decode(content)
    return content


def _step(event: Mapping[str, Any], contents: Mapping[str, Any]) -> RecordedStep:
    artifacts = event.get("artifacts", [])
    values = {(a["type"], a.get("key")): contents.get(a["dataId"]) for a in artifacts}
    outputs = [value for (role, _), value in values.items() if role == "output"]
    return RecordedStep(
        name=event["stepName"],
        number=event["stepNumber"],
        trace_id=event["traceId"],
        metadata=event["metadata"],
        inputs={key: value for (role, key), value in values.items() if role == "input"},
        output=outputs[0] if outputs else None,
        event=event,
    )
