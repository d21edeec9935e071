"""What can be queried of a value without opening it: the summaries of the wire contract."""

import collections
from collections.abc import Mapping
from typing import Any

from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.type_name import qualified_name

__all__ = [
    "LONGEST_VALUE",
    "length_of",
    "summarise",
    "summarise_late",
]

LONGEST_VALUE = 64  # characters of a string that its summary repeats; the wire contract's number

_MOST_COLUMNS_BYTES = 8_000  # a summary travels inside the event, which has a limit of 256 KiB for all its values


def summarise(
    kind: type, body: bytes, *, length: int | None, value: bytes | None = None, extra: Mapping[str, Any] | None = None
) -> bytes:
    """Return the summary as a JSON object; `value` is JSON already."""
    parts = [b'{"type":', _type_text(kind), b',"bytes":%d' % len(body)]
    if length is not None:
        parts.append(b',"length":%d' % length)
    if value is not None:
        parts.append(b',"value":' + value)
    for name, detail in (extra or {}).items():
        text = encode_json(detail)
        if len(text) <= _MOST_COLUMNS_BYTES:
            parts.append(b',"%b":%b' % (name.encode(), text))
    parts.append(b"}")
    return b"".join(parts)


def summarise_late(kind: type, length: int | None, *, late: bool) -> bytes:
    """Return the summary of a value that is not encoded yet; `late` where it may change until then."""
    length_text = b"" if length is None else b',"length":%d' % length
    return b'{"type":%b%b%b}' % (_type_text(kind), length_text, b',"late":true' if late else b"")


def _type_text(kind: type) -> bytes:
    """Return the type's name as JSON."""
    return encode_json(qualified_name(kind))


def length_of(value: Any) -> int | None:
    """Return characters, bytes or items, by the built-in types' own count; None for other types."""
    kind = type(value)
    for base in _COUNTED:
        if issubclass(kind, base):
            return int(base.__len__(value))
    return None


_COUNTED: tuple[Any, ...] = (str, dict, list, tuple, bytes, set, frozenset, bytearray, range, collections.deque)
