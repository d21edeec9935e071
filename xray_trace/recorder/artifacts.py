"""Captured values as the parts of a record."""

from collections.abc import Mapping

from xray_trace.capture.arguments import clean_key
from xray_trace.capture.capturer import Capturer
from xray_trace.events import LateValue, Part, Role, Sink
from xray_trace.ids import derive_data_id, new_id

__all__ = ["ArtifactWriter"]

_PICKLE = "application/vnd.python.cloudpickle"


class ArtifactWriter:
    """Turns values into parts for one destination; those that are put off go to the sink at once."""

    def __init__(self, capturer: Capturer, destination: str, sink: Sink) -> None:
        self.capturer = capturer
        self._destination = destination
        self._sink = sink

    def add(
        self,
        parts: list[Part],
        trace_id: str,
        key: str,
        value: object,
        role: Role | None,
        *,
        metadata: Mapping[str, object] | None = None,
        always: bool = False,
        pickle: bool | None = None,
        tell_id: bool = False,
        put_off: bool = False,
    ) -> Part:
        """Capture any value; `put_off` says that it was looked at, and is too large to be taken at once.

        With `tell_id` the part holds its data id, which costs a hash in the caller's thread.
        """
        whole = key if type(key) is str else clean_key(key)  # only the end of a long key may say that it is secret
        if put_off:
            captured = self.capturer.put_off(whole, value)
        else:
            captured = self.capturer.capture(whole, value, always=always, pickle=pickle)
        key = clean_key(whole)
        encoded_metadata = self.capturer.metadata(metadata) if metadata else b"{}"
        part = Part(key, role, captured.content_type, captured.body, captured.noted, encoded_metadata)
        if captured.late is not None:
            part.data_id = new_id()
            self._sink.put_late(LateValue(trace_id, part.data_id, key, encoded_metadata, captured.late))
        elif tell_id:
            part.data_id = self.data_id(trace_id, captured.content_type, captured.body or b"")
        parts.append(part)
        if captured.pickled is not None:
            parts.append(Part(f"{key}.pickle", role, _PICKLE, captured.pickled, b"{}", listed=False))
        return part

    def data_id(self, trace_id: str, content_type: str, body: bytes) -> str:
        """Return the id under which this content is stored in this trace."""
        import hashlib  # imported with the first value, like in `ids`

        return derive_data_id(self._destination, trace_id, content_type, hashlib.sha256(body).hexdigest())
