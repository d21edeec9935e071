"""What is stored of an answer's document, and the answer of what is stored."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import bson
import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import InvalidDocument
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from xray_backend.clock import iso
from xray_backend.errors import Unstorable
from xray_backend.store.mongodb.failures import TOO_LARGE
from xray_backend.store.mongodb.field_names import MARK, escaped_keys, unescaped_keys
from xray_backend.store.records import Json

__all__ = ["answer", "data_object_id", "encoded", "object_id", "plain", "step_object_id", "trace_object_id"]

_MARK_BYTES: Final = MARK.encode()
_FIRST_OF_MARK: Final = _MARK_BYTES[:1]
"""Looked for first: one byte is found, or missed, ten times as fast as four, and UTF-8 seldom has it."""

_LARGEST_BYTES: Final = 16 * 1024 * 1024
"""MongoDB's own bound, asked here so that what is beyond it is not sent, and each server says the same."""

_OPTIONS: "Final[CodecOptions[dict[str, Any]]]" = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
"""A date is a number of milliseconds here, which is quicker than a calendar, and has no first and no last year."""


def object_id(*names: str) -> ObjectId:
    """Return the `_id` of what has these names: the same in each process, so that it is there once.

    A hash of 96 bits: of a million million documents, two have the same with a chance of six in a million; and nobody
    can find a name that has the `_id` of a given other one.
    """
    return ObjectId(hashlib.blake2b("\0".join(names).encode(), digest_size=12).digest())


def trace_object_id(project_id: str, trace_id: str) -> ObjectId:
    """Return the `_id` of a trace."""
    return object_id("trace", project_id, trace_id)


def step_object_id(project_id: str, step_id: str) -> ObjectId:
    """Return the `_id` of a step."""
    return object_id("step", project_id, step_id)


def data_object_id(project_id: str, data_id: str) -> ObjectId:
    """Return the `_id` of a data record."""
    return object_id("data", project_id, data_id)


def encoded(document: Mapping[str, Any]) -> RawBSONDocument:
    """Return the document as it is stored: nearly always as it is, which the encoder finds out on its way.

    Raises `Unstorable` if it is larger than MongoDB takes, or holds what BSON has not.
    """
    try:
        raw = _encode(document)
    except (InvalidDocument, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise Unstorable(f"It holds a value that MongoDB cannot keep ({type(error).__name__}).") from error
    if len(raw) > _LARGEST_BYTES:
        raise Unstorable(TOO_LARGE)
    return RawBSONDocument(raw)


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        raw = bson.encode(document, check_keys=True)
        if not _holds_mark(raw):
            return raw
    except InvalidDocument:
        pass
    return bson.encode(escaped_keys(document))


def _holds_mark(raw: bytes | memoryview) -> bool:
    return _FIRST_OF_MARK in raw and _MARK_BYTES in raw


def answer(stored: RawBSONDocument) -> Json:
    """Return the JSON of a document that is stored as it is answered."""
    return _to_json.encode(plain(stored))


def plain(stored: RawBSONDocument) -> dict[str, Any]:
    """Return the fields of a stored document, with the keys that were sent."""
    document = bson.decode(stored.raw, _OPTIONS)
    return unescaped_keys(document) if _holds_mark(stored.raw) else document


def _jsonable(value: object) -> str | int:
    """Return what stands in the answer for a value that JSON has not."""
    if isinstance(value, DatetimeMS):
        return iso(int(value))
    if isinstance(value, int):  # a long, which BSON tells from the shorter ones
        return int(value)
    if isinstance(value, ObjectId):
        return str(value)
    raise TypeError(f"A stored document holds a {type(value).__name__}.")


_to_json: Final = msgspec.json.Encoder(enc_hook=_jsonable)
