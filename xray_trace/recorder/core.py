"""What traces and steps share: where records go, and how values are taken."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from xray_trace.capture.capturer import Capturer
from xray_trace.clock import Monotonic, WallClock, monotonic_seconds, wall_seconds
from xray_trace.events import Sink
from xray_trace.guard import Guard
from xray_trace.recorder.artifacts import ArtifactWriter
from xray_trace.recorder.running_scopes import RunningScopes
from xray_trace.recorder.spans import has_spans, link_to_span

if TYPE_CHECKING:
    from xray_trace.recorder.step import Step

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
        self.has_spans = False
        """Whether OpenTelemetry is in the program, and each step is to look for its current span."""

    def look_for_spans(self) -> None:
        """Notice OpenTelemetry; asked as a trace begins, so that a step need not ask."""
        self.has_spans = self.has_spans or has_spans()

    def link_to_span(self, step: "Step") -> None:
        """Link the step and OpenTelemetry's current span to each other."""
        try:
            link_to_span(step)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            self.guard.swallow(error, "looking for a span of OpenTelemetry")

    def encode_metadata(self, metadata: Mapping[str, object]) -> bytes:
        """Return the metadata as a JSON object, masked."""
        return self.capturer.metadata(metadata) if metadata else b"{}"
