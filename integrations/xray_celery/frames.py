"""The frames of a thread, from the innermost outward: what Celery's signals do not say is read there."""

from collections.abc import Iterator
from types import FrameType

__all__ = ["outward"]


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frame, its caller, and so on."""
    while frame is not None:
        yield frame
        frame = frame.f_back
