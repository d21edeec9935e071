"""What traces and steps share: where records go, and how values are taken."""

from collections.abc import Mapping

from xray_trace.capture.capturer import Capturer
from xray_trace.clock import Monotonic, WallClock, monotonic_seconds, wall_seconds
from xray_trace.events import Sink
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
        wall: WallClock = wall_seconds,
        monotonic: Monotonic = monotonic_seconds,
        running: RunningScopes | None = None,
    ) -> None:
        self.put = sink.put
        self.capturer = capturer
        self.guard = guard
        self.artifacts = ArtifactWriter(capturer, destination, sink)
        self.wall_seconds = wall
        self.monotonic_seconds = monotonic
        self.running = running or RunningScopes(monotonic)

    def encode_metadata(self, metadata: Mapping[str, object]) -> bytes:
        """Return the metadata as a JSON object, masked."""
        return self.capturer.metadata(metadata) if metadata else b"{}"
