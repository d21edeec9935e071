"""Capture: what becomes of a value."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from xray_trace.events import ContentStream

__all__ = ["Capture", "new_capture"]


class Capture(NamedTuple):
    """A value as it was when it was captured."""

    content_type: str
    body: bytes | None
    """None where the value is too large to be taken at once; see `late`."""
    summary: bytes
    """A JSON object: `type`, `bytes`, and where they apply `length`, `value`, `shape`, `columns`, `late`."""
    late: Callable[[], ContentStream] | None
    """Set where `body` is None: does the work that was put off, in any thread; may raise."""
    pickled: bytes | None
    """The value pickled, where that is on and something in the value could only be described."""


new_capture: Callable[[tuple[str, bytes | None, bytes, Callable[[], ContentStream] | None, bytes | None]], Capture]
"""Make a Capture of its fields, in half the time of the constructor, which parses keywords."""
new_capture = partial(tuple.__new__, Capture)
