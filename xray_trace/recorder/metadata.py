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

    __slots__ = ("_capturer", "_values")

    def __init__(self, capturer: Capturer) -> None:
        self._capturer = capturer
        self._values: _RawObject = {}

    def add(self, values: Mapping[str, object]) -> None:
        """Add names; a name that is there already gets the new value."""
        if values:
            self._values.update(_decode(self._capturer.metadata(values)))

    def encode(self) -> bytes:
        """Return all as one JSON object."""
        if not self._values:
            return b"{}"
        encoded = _encode(dict(self._values))
        if len(encoded) > _MAX_BYTES:
            return self._capturer.metadata(msgspec.json.decode(encoded))
        return encoded
