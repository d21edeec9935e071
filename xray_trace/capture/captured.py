"""Capture: what becomes of a value."""

from collections.abc import Callable
from typing import NamedTuple

from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.shape import summary_of
from xray_trace.events import ContentStream

__all__ = ["Capture"]


class Capture(NamedTuple):
    """A value as it was when it was captured."""

    content_type: str
    body: bytes | None
    """None where the value is too large to be taken at once; see `late`."""
    noted: bytes | int
    """The summary, or the shape of a plain value, of which the background makes one."""
    late: Callable[[], ContentStream] | None = None
    """Set where `body` is None: does the work that was put off, in any thread; may raise."""
    pickled: bytes | None = None
    """The value pickled, where that is on and something in the value could only be described."""

    @property
    def summary(self) -> bytes:
        """Return a JSON object: `type`, `bytes`, and where they apply `length`, `value`, `shape`, `columns`, `late`."""
        return encode_json(summary_of(self.noted, self.body))
