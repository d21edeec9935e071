"""Shapes: what the caller's thread notes of a plain value, so that the background can summarise it.

A shape is one integer: the length, and below it the kind. Making a summary's text costs a quarter of a capture; a
shape costs nothing.
"""

from typing import Any

import msgspec

from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.summary import LONGEST_VALUE
from xray_trace.events import Part

__all__ = ["CONTAINER_SHAPES", "ONE_LONGER", "SCALAR", "TEXT", "Summary", "summary_of", "without_body"]

ONE_LONGER = 8
"""What one more character or item adds to a shape; there is room for eight kinds below it, and there are seven."""
SCALAR = 0
"""None, a boolean or a number: its JSON tells all."""
TEXT = 1
CONTAINER_SHAPES: dict[type, int] = {dict: 2, list: 3, tuple: 4, set: 5, frozenset: 6}

_NAMES = {shape: kind.__name__ for kind, shape in CONTAINER_SHAPES.items()}
_WORDS = {b"null": "NoneType", b"true": "bool", b"false": "bool"}


class Summary(msgspec.Struct, omit_defaults=True, gc=False):
    """What can be queried of a plain value without opening it, as the wire contract has it."""

    type: str
    bytes: int
    length: int | None = None
    value: msgspec.Raw | None = None


def summary_of(noted: bytes | int, body: bytes | None) -> Summary | msgspec.Raw:
    """Return the summary of a value of which this was noted, and this is the JSON.

    Raises KeyError or ValueError if it is none, as in a damaged record.
    """
    if isinstance(noted, bytes):
        return msgspec.Raw(noted)
    length, kind = noted // ONE_LONGER, noted % ONE_LONGER
    body = body or b""
    if kind == TEXT:
        return Summary("str", len(body), length, msgspec.Raw(body) if length <= LONGEST_VALUE else None)
    if kind == SCALAR:
        return Summary(_type_of_scalar(body), len(body), None, msgspec.Raw(body))
    return Summary(_NAMES[kind], len(body), length)


def _type_of_scalar(body: bytes) -> str:
    word = _WORDS.get(body)
    if word is not None:
        return word
    return "int" if body.removeprefix(b"-").isdigit() else "float"


def without_body(part: Part, **changes: Any) -> Part:
    """Return a part whose bytes are elsewhere; its summary is made while they are at hand."""
    summary = encode_json(summary_of(part.summary, part.body))
    return msgspec.structs.replace(part, body=None, summary=summary, **changes)
