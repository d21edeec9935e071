"""Expander: a record becomes the events that the server knows."""

import hashlib
from collections.abc import Callable

import msgspec

from xray_trace.events import Part, Record, StepEvent
from xray_trace.export.data_json import data_json
from xray_trace.export.recent import Recent
from xray_trace.export.step_json import step_json
from xray_trace.ids import derive_data_id

__all__ = ["Expander", "Shelve", "lost_value_event"]

Shelve = Callable[[str, Part], str | None]
"""Given a trace's id and a part, makes a blob of its file or its bytes and returns the data id, or None."""

_REMEMBERED_IDS = 2048
"""Contents told apart from new ones, at least; enough for what traces share at one time, and a megabyte or two."""

_LONGEST_REMEMBERED = 256
"""Bytes; a content up to this size is known again by itself, which costs a fifth of hashing it."""

_encode = msgspec.json.Encoder().encode

_Content = tuple[str, str, bytes | None]
"""Trace, content type and bytes: what tells one content from another."""


class Expander:
    """Derives ids, leaves out what was sent before in the same trace, and makes the events' JSON."""

    def __init__(self, destination: str, shelve: Shelve | None = None, inline_max_bytes: int = 0) -> None:
        self._destination = destination
        self._shelve = shelve
        self._inline_max_bytes = inline_max_bytes
        self._seen: Recent[str, bool] = Recent(_REMEMBERED_IDS)
        self._ids: Recent[_Content, str] = Recent(_REMEMBERED_IDS)

    def expand(self, record: Record) -> list[bytes]:
        """Return the wire events, as JSON: `data` events first, then the record's own."""
        events: list[bytes] = []
        data_ids: list[str | None] = []
        trace_id, young_id = record.trace_id, self._ids.get_young
        for part in record.parts:
            data_id = young_id((trace_id, part.content_type, part.body)) if part.data_id is None else None
            data_ids.append(data_id or self._identify(record, part, events))
        if isinstance(record.event, StepEvent):
            events.append(step_json(trace_id, record.event, record.parts, data_ids))
        elif record.event:
            events.append(record.event)
        return events

    def has_seen(self, data_id: str) -> bool:
        """Tell whether this content was met lately."""
        return self._seen.get(data_id) is not None

    def forget(self) -> None:
        """Take every content for new again, since records will come that were expanded in vain."""
        self._seen.clear()
        self._ids.clear()

    def _identify(self, record: Record, part: Part, events: list[bytes]) -> str | None:
        """Return the part's data id; its `data` event is added the first time."""
        if part.body is None or (self._shelve is not None and len(part.body) > self._inline_max_bytes):
            return self._identify_elsewhere(record, part, events)
        if part.data_id is None and len(part.body) <= _LONGEST_REMEMBERED:
            return self._identify_small(record.trace_id, part, part.body, events)
        sha256 = hashlib.sha256(part.body).hexdigest()
        data_id = part.data_id or derive_data_id(self._destination, record.trace_id, part.content_type, sha256)
        if self._is_new(data_id):
            events.append(data_json(data_id, record.trace_id, part, part.body, sha256))
        return data_id

    def _identify_small(self, trace_id: str, part: Part, body: bytes, events: list[bytes]) -> str:
        content = (trace_id, part.content_type, body)
        data_id = self._ids.get(content)
        if data_id is None:
            sha256 = hashlib.sha256(body).hexdigest()
            data_id = derive_data_id(self._destination, trace_id, part.content_type, sha256)
            events.append(data_json(data_id, trace_id, part, body, sha256))
            self._ids.put(content, data_id)
        return data_id

    def _identify_elsewhere(self, record: Record, part: Part, events: list[bytes]) -> str | None:
        """Return the id of a value that travels by itself, is still being encoded, or is lost."""
        if part.blob is not None or part.body is not None:
            data_id = self._shelve(record.trace_id, part) if self._shelve else None
            if data_id is not None:
                self._is_new(data_id)
            return data_id
        if part.data_id is not None and not record.event and self._is_new(part.data_id):
            events.append(data_json(part.data_id, record.trace_id, part, None))
        return part.data_id

    def _is_new(self, data_id: str) -> bool:
        if self._seen.get(data_id):
            return False
        self._seen.put(data_id, True)
        return True


def lost_value_event(trace_id: str, data_id: str, key: str, sentence: str) -> bytes:
    """Return the `data` event of a value that the process took with it."""
    part = Part(key, None, "", None, b"", _encode({"lost": sentence}), data_id)
    return data_json(data_id, trace_id, part, None)
