"""Shapes: what the caller's thread notes of a plain value, so that the background can summarise it.

A shape is one integer: the length, and below it the kind. Making a summary's text costs a quarter of a capture; a
shape costs nothing.
"""

import msgspec

from xray_trace.capture.summary import LONGEST_VALUE, summarise_container, summarise_scalar, summarise_text

__all__ = ["CONTAINER_SHAPES", "ONE_LONGER", "SCALAR", "TEXT", "summary_of"]

ONE_LONGER = 8
"""What one more character or item adds to a shape; there is room for eight kinds below it, and there are seven."""
SCALAR = 0
"""None, a boolean or a number: its JSON tells all."""
TEXT = 1
CONTAINER_SHAPES: dict[type, int] = {dict: 2, list: 3, tuple: 4, set: 5, frozenset: 6}

_CONTAINERS = {shape: kind for kind, shape in CONTAINER_SHAPES.items()}
_decode = msgspec.json.decode


def summary_of(noted: bytes | int, body: bytes | None) -> bytes:
    """Return the summary of a value of which this was noted, and this is the JSON.

    Raises KeyError or ValueError if the shape is none, as in a damaged record.
    """
    if type(noted) is bytes:
        return noted
    length, kind = divmod(int(noted), ONE_LONGER)
    body = body or b""
    if kind == TEXT:
        return summarise_text(body, length, shown=length <= LONGEST_VALUE)
    if kind == SCALAR:
        return summarise_scalar(type(_decode(body)), body)
    return summarise_container(_CONTAINERS[kind], body, length)
