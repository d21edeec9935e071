"""Free-form metadata, taken at the moment it is given."""

from collections.abc import Mapping

import msgspec

from xray_trace.capture.capturer import Capturer

__all__ = ["Metadata"]

_RawObject = dict[str, msgspec.Raw]
_decode = msgspec.json.Decoder(_RawObject).decode
_encode = msgspec.json.Encoder().encode

_MAX_BYTES = 64 * 1024  # a quarter of the largest event that the server takes


class Metadata:
    """Names and values that are encoded when they are added, so that later changes to a value do not matter."""

    __slots__ = ("_capturer", "_first", "_later")

    def __init__(self, capturer: Capturer) -> None:
        self._capturer = capturer
        self._first: dict[None, bytes] = {}
        """What was added first, as it was encoded: most often that is all, and need not be taken apart again."""
        self._later: _RawObject = {}

    def add(self, values: Mapping[str, object]) -> None:
        """Add names; a name that is there already gets the new value."""
        if values:
            encoded = self._capturer.metadata(values)
            if self._first.setdefault(None, encoded) is not encoded:
                self._later.update(_decode(encoded))

    def encode(self) -> bytes:
        """Return all as one JSON object."""
        first = self._first.get(None, b"{}")
        return self._join(first) if self._later else first

    def encode_on(self, below: bytes) -> bytes:
        """Return all as one JSON object, on top of another one."""
        return self._join(below, self._first.get(None, b"{}"))

    def _join(self, *objects: bytes) -> bytes:
        joined: _RawObject = {}
        for each in objects:
            joined.update(_decode(each))
        encoded = _encode({**joined, **self._later})
        if len(encoded) > _MAX_BYTES:
            return self._capturer.metadata(msgspec.json.decode(encoded))
        return encoded
