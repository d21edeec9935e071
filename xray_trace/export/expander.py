"""Expander: a record becomes the events that the server knows."""

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import msgspec

from xray_trace.events import Part, Record, StepEvent
from xray_trace.export.step_json import name_json, step_json
from xray_trace.ids import derive_data_id

__all__ = ["Expander", "Shelve", "lost_value_event"]

Shelve = Callable[[str, Part], str | None]
"""Given a trace's id and a part, makes a blob of its file or its bytes and returns the data id, or None."""

_REMEMBERED_IDS = 4096
"""Contents told apart from new ones; enough for what traces share at one time, and under a megabyte."""

_LONGEST_REMEMBERED = 256
"""Bytes; a content up to this size is known again by itself, which costs a fifth of hashing it."""

_encode = msgspec.json.Encoder().encode

_Content = tuple[str, str, bytes]
"""Trace, content type and bytes: what tells one content from another."""

K = TypeVar("K")
V = TypeVar("V")


class Expander:
    """Derives ids, leaves out what was sent before in the same trace, and makes the events' JSON."""

    def __init__(self, destination: str, shelve: Shelve | None = None, inline_max_bytes: int = 0) -> None:
        self._destination = destination
        self._shelve = shelve
        self._inline_max_bytes = inline_max_bytes
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._ids: OrderedDict[_Content, str] = OrderedDict()

    def expand(self, record: Record) -> list[bytes]:
        """Return the wire events, as JSON: `data` events first, then the record's own."""
        events: list[bytes] = []
        references: list[tuple[Part, str]] = []
        for part in record.parts:
            data_id = self._identify(record, part, events)
            if data_id is not None:
                references.append((part, data_id))
        if isinstance(record.event, StepEvent):
            events.append(step_json(record.trace_id, record.event, references, record.parts))
        elif record.event:
            events.append(record.event)
        return events

    def has_seen(self, data_id: str) -> bool:
        """Tell whether this content was met lately."""
        return data_id in self._seen

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
            events.append(_data_event(data_id, record.trace_id, part, part.body, sha256))
        return data_id

    def _identify_small(self, trace_id: str, part: Part, body: bytes, events: list[bytes]) -> str:
        content = (trace_id, part.content_type, body)
        data_id = self._ids.get(content)
        if data_id is not None:
            self._ids.move_to_end(content)
            return data_id
        sha256 = hashlib.sha256(body).hexdigest()
        data_id = derive_data_id(self._destination, trace_id, part.content_type, sha256)
        events.append(_data_event(data_id, trace_id, part, body, sha256))
        _remember(self._ids, content, data_id)
        return data_id

    def _identify_elsewhere(self, record: Record, part: Part, events: list[bytes]) -> str | None:
        """Return the id of a value that travels by itself, is still being encoded, or is lost."""
        if part.blob is not None or part.body is not None:
            data_id = self._shelve(record.trace_id, part) if self._shelve else None
            if data_id is not None:
                self._is_new(data_id)
            return data_id
        if part.data_id is not None and not record.event and self._is_new(part.data_id):
            events.append(_data_event(part.data_id, record.trace_id, part, None, None))
        return part.data_id

    def _is_new(self, data_id: str) -> bool:
        if data_id in self._seen:
            self._seen.move_to_end(data_id)
            return False
        _remember(self._seen, data_id, None)
        return True


def lost_value_event(trace_id: str, data_id: str, key: str, sentence: str) -> bytes:
    """Return the `data` event of a value that the process took with it."""
    part = Part(key, None, "", None, b"", _encode({"lost": sentence}), data_id)
    return _data_event(data_id, trace_id, part, None, None)


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    if len(known) > _REMEMBERED_IDS:
        known.popitem(last=False)


def _data_event(data_id: str, trace_id: str, part: Part, body: bytes | None, sha256: str | None) -> bytes:
    content = ""
    if body is not None:
        content = (
            f',{_content_member(body)},"contentType":{name_json(part.content_type)}'
            f',"sizeBytes":{len(body)},"sha256":"{sha256}"'
        )
    return (
        f'{{"type":"data","dataId":{_encode(data_id).decode()},"traceId":{name_json(trace_id)},"key":{name_json(part.key)}'
        f',"metadata":{(part.metadata or b"{}").decode()}{content}}}'
    ).encode()


def _content_member(body: bytes) -> str:
    try:
        return f'"content":{_encode(body.decode()).decode()}'
    except UnicodeDecodeError:
        return f'"contentEncoding":"base64","content":"{base64.b64encode(body).decode()}"'
