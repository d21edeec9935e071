"""What traces and steps share: where records go, and how values are taken."""

import sys
from collections.abc import Mapping, Sequence

from xray_trace.capture.capturer import Capturer
from xray_trace.clock import Monotonic, WallClock, monotonic_seconds, wall_ms
from xray_trace.events import LateValue, Record, Sink
from xray_trace.guard import Guard
from xray_trace.recorder.artifacts import ArtifactWriter
from xray_trace.recorder.running_scopes import RunningScopes

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
        running: RunningScopes | None = None,
    ) -> None:
        self.sink = sink
        self.capturer = capturer
        self.guard = guard
        self.artifacts = ArtifactWriter(capturer, destination)
        self.wall_ms = wall
        self.monotonic_seconds = monotonic
        self.running = running or RunningScopes(monotonic)

    def put(self, record: Record, late: Sequence[LateValue] = ()) -> None:
        """Keep the record, unless the interpreter is being torn down.

        What objects record as they are destroyed then could wait for ever for a lock that a thread died with.
        """
        if not sys.is_finalizing():
            self.sink.put(record, late)

    def encode_metadata(self, metadata: Mapping[str, object]) -> bytes:
        """Return the metadata as a JSON object, masked."""
        return self.capturer.metadata(metadata) if metadata else b"{}"
