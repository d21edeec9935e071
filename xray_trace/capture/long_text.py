"""Long text: strings and bytes as JSON strings, piece by piece."""

import binascii
from collections.abc import Iterator
from typing import Any

from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.scalars import clean_text

__all__ = ["quoted_pieces", "text_length"]

_LETTERS_GROUP = 3  # bytes that base64 turns into four letters; a piece of so many times three needs no padding


def text_length(value: Any) -> int:
    """Return characters or bytes of a string, bytes or a bytearray; 0 for anything else."""
    base = _base_of(type(value))
    return 0 if base is None else int(base.__len__(value))


def quoted_pieces(value: Any, length: int) -> Iterator[bytes]:
    """Yield the value as one JSON string, in pieces of about this many characters or bytes.

    Each is cut out in one call: a view of the program's bytearray would keep the program from resizing it.
    """
    base = _base_of(type(value))
    length -= length % _LETTERS_GROUP
    yield b'"'
    for start in range(0, text_length(value), length):
        part = base.__getitem__(value, slice(start, start + length))
        yield encode_json(clean_text(part))[1:-1] if base is str else binascii.b2a_base64(part, newline=False)
    yield b'"'


def _base_of(kind: type) -> Any:
    return next((base for base in (str, bytes, bytearray) if issubclass(kind, base)), None)
