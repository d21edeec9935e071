"""What a generator gave: its first items and how many there were."""

import msgspec

from xray_trace.capture.capturer import Capturer
from xray_trace.capture.metadata import MOST_BYTES, TOO_LARGE
from xray_trace.events import Content

__all__ = ["Items"]

_MAX_ITEMS = 100  # enough to see what kind of items came and which were first
_MAX_BYTES = 256 * 1024  # the first items of a stream of documents must not become a second stream

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Items:
    """Takes each item when it is given: the consumer may change it a moment later."""

    def __init__(self, capturer: Capturer) -> None:
        self._capturer = capturer
        self._first: list[bytes] = []
        self._bytes = 0
        self._count = 0

    def add(self, item: object) -> None:
        """Count an item, and keep it if it is one of the first."""
        self._count += 1
        if len(self._first) < _MAX_ITEMS and self._bytes < _MAX_BYTES:
            encoded = self._encode(item)
            self._first.append(encoded)
            self._bytes += MOST_BYTES if encoded.startswith(TOO_LARGE) else len(encoded)  # it took as long to find out

    def content(self, returned: object) -> Content:
        """Return `{"items": […], "count": n}`, with `returned` where the generator returned something."""
        tail = b"" if returned is None else b',"returned":%b' % self._encode(returned)
        body = b'{"items":[%b],"count":%d%b}' % (b",".join(self._first), self._count, tail)
        summary = b'{"type":"generator","length":%d,"bytes":%d}' % (self._count, len(body))
        return Content("application/json", body, summary)

    def _encode(self, value: object) -> bytes:
        encoded = self._capturer.metadata({"item": value})
        return bytes(_decode(encoded).get("item", encoded))  # of one that cannot be taken, all is what is said of it
