"""What traces and steps share: where records go, and how values are taken."""

import sys
from collections.abc import Mapping

from xray_trace.capture.capturer import Capturer
from xray_trace.clock import Monotonic, WallClock, monotonic_seconds, wall_ms
from xray_trace.events import LateValue, Record, Sink
from xray_trace.guard import Guard
from xray_trace.recorder.artifacts import ArtifactWriter

__all__ = ["RecorderCore"]


class RecorderCore:
    """The collaborators of one tracer's traces and steps."""

    def __init__(
        self,
        sink: Sink,
        capturer: Capturer,
        guard: Guard,
        *,
        destination: str,
        wall: WallClock = wall_ms,
        monotonic: Monotonic = monotonic_seconds,
    ) -> None:
        self.sink = sink
        self.capturer = capturer
        self.guard = guard
        self.artifacts = ArtifactWriter(capturer, destination, self.put_late)
        self.wall_ms = wall
        self.monotonic_seconds = monotonic

    def put(self, record: Record) -> None:
        """Keep the record, unless the interpreter is being torn down.

        What objects record as they are destroyed then could wait for ever for a lock that a thread died with.
        """
        if not sys.is_finalizing():
            self.sink.put(record)

    def put_late(self, value: LateValue) -> None:
        """Have the value encoded in the background, unless the interpreter is being torn down."""
        if not sys.is_finalizing():
            self.sink.put_late(value)

    def encode_metadata(self, metadata: Mapping[str, object]) -> bytes:
        """Return the metadata as a JSON object, masked."""
        return self.capturer.metadata(metadata) if metadata else b"{}"
