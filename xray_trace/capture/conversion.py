"""Conversion: the long way from a value to bytes, for whatever the hot path does not take."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from xray_trace.capture.at_once import LONGEST_QUOTED_TEXT
from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.foreign import recognise
from xray_trace.capture.foreign_value import Encoded, ForeignValue, Masking
from xray_trace.capture.json_codec import JSON, encode_json
from xray_trace.capture.json_stream import JsonStream
from xray_trace.capture.plain import CALLER_WALK, Plainer
from xray_trace.capture.probe import TooLarge
from xray_trace.capture.redaction import MaskingFailed, Redaction
from xray_trace.capture.scalars import clean_text
from xray_trace.capture.summary import LONGEST_VALUE, length_of, summarise
from xray_trace.events import Content, ContentStream

__all__ = ["Conversion", "Converted", "raw_content_type"]

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_SLICE_BYTES = 256 * 1024  # of a buffer that is read bit by bit; copied in some 50 µs
_LARGE_BUFFER_BYTES = 4_000_000  # copying this much takes under a millisecond; only what can change is ever put off


class Converted(NamedTuple):
    """A value's content."""

    content: Content
    described: bool
    """Whether something in the value could only be described."""


class Conversion:
    """Converts one value; `always` does so whatever it costs, else `run` raises TooLarge.

    Raises MaskingFailed if the user's redaction function fails.
    """

    def __init__(self, redaction: Redaction, name: str, value: Any, *, always: bool) -> None:
        self._redaction = redaction
        self._name = name
        self._value = value
        self._always = always
        self._hidden = redaction.is_secret(name)
        self._foreign = recognise(value)

    def run(self) -> Converted:
        """Return the content in the form that suits the value best."""
        content = self._as_it_is() or self._in_its_own_format()
        return Converted(content, False) if content is not None else self._as_json()

    def stream(self) -> ContentStream:
        """Return the content of a value that was put off, in chunks that are made as they are asked for.

        A format that is not ours mostly comes in one piece, as its library makes it. Reading the chunks may raise
        what `run` raises.
        """
        if type(self._value) is bytearray and not self._is_masked():
            return ContentStream(_BYTES, _slices(self._value))
        chunks = self._chunks_of_its_own_format()
        if chunks is not None:
            return chunks
        content = self._as_it_is() or self._in_its_own_format()
        if content is not None:
            return ContentStream(content.content_type, iter([content.body]))
        return ContentStream(JSON, iter(JsonStream(self._redaction, self._name, self._value)))

    def _chunks_of_its_own_format(self) -> ContentStream | None:
        foreign = self._foreign
        if foreign is None or foreign.chunks is None or self._redaction.asks_to_mask(self._name, self._value):
            return None
        chunks = foreign.chunks(self._masking())
        return None if chunks is None else ContentStream(foreign.content_type, chunks)

    def _is_masked(self) -> bool:
        return self._hidden or self._redaction.asks_to_mask(self._name, self._value)

    def _as_it_is(self) -> Content | None:
        """Return bytes and long strings unchanged, if nothing masks them."""
        if self._hidden:
            return None
        found = _raw(self._value, self._always)
        if found is None or self._redaction.asks_to_mask(self._name, self._value):
            return None
        content_type, body, length = found
        return Content(content_type, body, summarise(type(self._value), body, length=length))

    def _in_its_own_format(self) -> Content | None:
        foreign = self._foreign
        if foreign is None or self._redaction.asks_to_mask(self._name, self._value):
            return None
        if not self._always and foreign.size_bytes > foreign.caller_limit_bytes:
            raise TooLarge
        encoded = self._encode_foreign(foreign)
        if encoded is None:
            return None
        extra = foreign.details if encoded.note is None else {**foreign.details, "note": encoded.note}
        summary = summarise(type(self._value), encoded.body, length=foreign.length, extra=extra)
        return Content(encoded.content_type, encoded.body, summary)

    def _encode_foreign(self, foreign: ForeignValue) -> Encoded | None:
        try:
            return foreign.encode(self._masking())
        except MaskingFailed:
            raise
        except Exception as error:  # noqa: BLE001 - a format that cannot hold this value; JSON can say something
            pass_on_signal(error)
            return None

    def _masking(self) -> Masking:
        return Masking(self._hidden, self._hides, partial(_convert_cell, self._redaction))

    def _hides(self, name: str, value: object) -> bool:
        return self._redaction.is_secret(name) or self._redaction.asks_to_mask(name, value)

    def _as_json(self) -> Converted:
        plainer = Plainer(self._redaction, CALLER_WALK, stop_when_full=True)
        try:
            plain = plainer.convert(self._name, self._value)
        except TooLarge:
            if not self._always:
                raise
            return self._as_joined_json()
        body = encode_json(plain)
        is_text = type(plain) is str and issubclass(type(self._value), (str, bytes, bytearray))
        length = len(plain) if is_text else length_of(self._value)
        return Converted(self._json(body, length, body if _is_shown(plain) else None), plainer.described)

    def _as_joined_json(self) -> Converted:
        stream = JsonStream(self._redaction, self._name, self._value)
        body = b"".join(stream)
        return Converted(self._json(body, length_of(self._value), None), stream.described)

    def _json(self, body: bytes, length: int | None, shown: bytes | None) -> Content:
        extra = None
        if self._foreign is not None:
            length, extra = self._foreign.length, self._foreign.details
        return Content(JSON, body, summarise(type(self._value), body, length=length, value=shown, extra=extra))


def raw_content_type(value: object) -> str:
    """Return what a value that was put off will be: a buffer as it is, or JSON."""
    return _BYTES if type(value) in (bytearray, memoryview) else JSON


def _convert_cell(redaction: Redaction, name: str, cell: object) -> Any:
    return Plainer(redaction, CALLER_WALK, stop_when_full=False).convert(name, cell)


def _is_shown(plain: Any) -> bool:
    """Tell whether a summary repeats the value: a single one, and a string only if it is short."""
    if type(plain) is str:
        return len(plain) <= LONGEST_VALUE
    return type(plain) not in (dict, list, bytes)


def _raw(value: Any, always: bool) -> tuple[str, bytes, int] | None:
    """Return content type, bytes and length of what is stored as it is; raises TooLarge for a large buffer."""
    kind = type(value)
    if issubclass(kind, str) and str.__len__(value) > LONGEST_QUOTED_TEXT:
        text = str.__str__(value)
        return _TEXT, clean_text(text).encode(), len(text)
    if issubclass(kind, bytes):
        body = bytes.__getitem__(value, slice(None))
        return _BYTES, body, len(body)
    if kind is bytearray or kind is memoryview:
        return _copy(value, always)
    return None


def _slices(value: bytearray) -> Iterator[bytes]:
    for start in range(0, len(value), _SLICE_BYTES):
        yield bytes(value[start : start + _SLICE_BYTES])


def _copy(value: bytearray | memoryview, always: bool) -> tuple[str, bytes, int] | None:
    try:
        size = memoryview(value).nbytes
    except ValueError:  # released
        return None
    if size > _LARGE_BUFFER_BYTES and not always:
        raise TooLarge
    body = bytes(value)
    return _BYTES, body, len(body)
