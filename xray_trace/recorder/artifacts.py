"""Captured values as the parts of a record."""

from collections.abc import Mapping

from xray_trace.capture.capturer import Capturer
from xray_trace.capture.scalars import clean_text
from xray_trace.events import LateValue, Part, Role
from xray_trace.ids import derive_data_id, new_id

__all__ = ["ArtifactWriter", "Parts"]

_LONGEST_KEY = 200  # characters; the server refuses an event with a longer one
_PICKLE = "application/vnd.python.cloudpickle"


class Parts:
    """What was captured for one record so far."""

    __slots__ = ("late", "parts")

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.late: list[LateValue] = []


class ArtifactWriter:
    """Turns values into parts for one destination."""

    def __init__(self, capturer: Capturer, destination: str) -> None:
        self.capturer = capturer
        self._destination = destination

    def add(
        self,
        parts: Parts,
        trace_id: str,
        key: str,
        value: object,
        role: Role | None,
        *,
        metadata: Mapping[str, object] | None = None,
        always: bool = False,
        pickle: bool | None = None,
        tell_id: bool = False,
    ) -> Part:
        """Capture a value. With `tell_id` the part holds its data id, which costs a hash in the caller's thread."""
        key = _clean_key(key)
        captured = self.capturer.capture(key, value, always=always, pickle=pickle)
        encoded_metadata = self.capturer.metadata(metadata) if metadata else b"{}"
        part = Part(key, role, captured.content_type, captured.body, captured.summary, encoded_metadata)
        if captured.late is not None:
            part.data_id = new_id()
            parts.late.append(LateValue(trace_id, part.data_id, key, encoded_metadata, captured.late))
        elif tell_id:
            part.data_id = self.data_id(trace_id, captured.content_type, captured.body or b"")
        parts.parts.append(part)
        if captured.pickled is not None:
            parts.parts.append(Part(f"{key}.pickle", role, _PICKLE, captured.pickled, b"{}", b"{}", listed=False))
        return part

    def data_id(self, trace_id: str, content_type: str, body: bytes) -> str:
        """Return the id under which this content is stored in this trace."""
        import hashlib  # imported with the first value, like in `ids`

        return derive_data_id(self._destination, trace_id, content_type, hashlib.sha256(body).hexdigest())


def _clean_key(key: object) -> str:
    """Return the key as a text that the server takes; a keyword argument's name may be any string."""
    text = key if type(key) is str else str(key)
    return clean_text(text[:_LONGEST_KEY])[:_LONGEST_KEY]
