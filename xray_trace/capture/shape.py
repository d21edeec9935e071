"""Shapes: what the caller's thread notes of a plain value, so that the background can summarise it.

A shape is one integer: the length, and below it the kind. Making a summary's text costs a quarter of a capture; a
shape costs nothing.
"""

from typing import Any

import msgspec

from xray_trace.capture.summary import LONGEST_VALUE
from xray_trace.events import Part

__all__ = ["CONTAINER_SHAPES", "ONE_LONGER", "SCALAR", "TEXT", "summary_of", "without_body"]

ONE_LONGER = 8
"""What one more character or item adds to a shape; there is room for eight kinds below it, and there are seven."""
SCALAR = 0
"""None, a boolean or a number: its JSON tells all."""
TEXT = 1
CONTAINER_SHAPES: dict[type, int] = {dict: 2, list: 3, tuple: 4, set: 5, frozenset: 6}

_NAMES = {shape: kind.__name__ for kind, shape in CONTAINER_SHAPES.items()}
_decode = msgspec.json.decode


def summary_of(noted: bytes | int, body: bytes | None) -> str:
    """Return the summary of a value of which this was noted, and this is the JSON.

    Raises KeyError or ValueError if it is none, as in a damaged record.
    """
    if isinstance(noted, bytes):
        return noted.decode()
    length, kind = noted // ONE_LONGER, noted % ONE_LONGER
    body = body or b""
    if kind == TEXT:
        shown = f',"value":{body.decode()}' if length <= LONGEST_VALUE else ""
        return f'{{"type":"str","bytes":{len(body)},"length":{length}{shown}}}'
    if kind == SCALAR:
        return f'{{"type":"{type(_decode(body)).__name__}","bytes":{len(body)},"value":{body.decode()}}}'
    return f'{{"type":"{_NAMES[kind]}","bytes":{len(body)},"length":{length}}}'


def without_body(part: Part, **changes: Any) -> Part:
    """Return a part whose bytes are elsewhere; its summary is made while they are at hand."""
    summary = summary_of(part.summary, part.body).encode()
    return msgspec.structs.replace(part, body=None, summary=summary, **changes)
