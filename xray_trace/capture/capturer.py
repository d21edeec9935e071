"""Capturer: the front of capturing. A value becomes bytes and a summary, whatever the value is."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from xray_trace.capture.at_once import AtOnce
from xray_trace.capture.captured import Capture
from xray_trace.capture.conversion import Conversion, raw_content_type
from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.foreign import recognise
from xray_trace.capture.freezing import is_frozen
from xray_trace.capture.json_codec import JSON, encode_json
from xray_trace.capture.metadata import encode_metadata
from xray_trace.capture.pickling import pickle_or_none
from xray_trace.capture.probe import TooLarge
from xray_trace.capture.redaction import MaskingFailed, Redaction
from xray_trace.capture.summary import length_of, summarise, summarise_late
from xray_trace.capture.type_name import qualified_name
from xray_trace.config import Redact
from xray_trace.events import ContentStream

__all__ = ["Capture", "Capturer"]


class Capturer:
    """Turns values into captures; raises nothing of its own, whatever the value is.

    What a signal handler of the user's raises passes, and so does everything that is no `Exception`.
    """

    def __init__(self, redact: tuple[str, ...] | Redact, *, pickle: bool = False) -> None:
        self._redaction = Redaction(redact)
        self.take_plain = AtOnce(self._redaction).take
        self.is_secret = self._redaction.is_secret
        self.masks_by_value = self._redaction.function is not None
        self._pickle = pickle

    def capture(self, name: str, value: object, always: bool = False, pickle: bool | None = None) -> Capture:
        """Return the value encoded, masked and summarised; `always` does so at once, however large it is."""
        try:
            if self._redaction.function is None and not self._redaction.is_secret(name):
                plain = self.take_plain(name, None, value, always)
                if plain is not None:
                    return Capture(JSON, plain.body, plain.summary)
            return self._convert(name, value, always, pickle)
        except TooLarge:
            return self.put_off(name, value)
        except Exception as error:  # noqa: BLE001 - whatever a value does to us, the user's call goes on
            return _left_out(value, error)

    def metadata(self, values: Mapping[str, object]) -> bytes:
        """Return free-form metadata as a JSON object of at most 64 KiB, masked."""
        try:
            return encode_metadata(values, self._redaction)
        except Exception as error:  # noqa: BLE001 - see capture
            return _metadata_left_out(error)

    def _convert(self, name: str, value: Any, always: bool, pickle: bool | None) -> Capture:
        content, described = Conversion(self._redaction, name, value, always=always).run()
        wanted = self._pickle if pickle is None else pickle
        pickled = pickle_or_none(value) if wanted and described else None
        return Capture(content.content_type, content.body, content.summary, None, pickled)

    def put_off(self, name: str, value: object) -> Capture:
        """Leave the encoding to another thread; a value that cannot change until then is not marked late."""
        try:
            foreign = recognise(value)
            late = not is_frozen(value)
            length = length_of(value) if foreign is None else foreign.length
        except Exception as error:  # noqa: BLE001 - see capture
            return _left_out(value, error)
        content_type = raw_content_type(value) if foreign is None else foreign.content_type
        summary = summarise_late(type(value), length, late=late)
        return Capture(content_type, None, summary, partial(self._encode_late, name, value))

    def _encode_late(self, name: str, value: object) -> ContentStream:
        try:
            return Conversion(self._redaction, name, value, always=True).stream()
        except Exception as error:  # noqa: BLE001 - see capture
            left_out = _left_out(value, error)
            return ContentStream(left_out.content_type, iter([left_out.body or b""]))


def _left_out(value: object, error: Exception) -> Capture:
    """Return what stands for a value that could not be captured; raises the error if a signal handler raised it."""
    try:
        pass_on_signal(error)
        kind = type(value)
        body = encode_json({"type": qualified_name(kind), "leftOut": _reason(error)})
        return Capture(JSON, body, summarise(kind, body, length=None))
    except (RecursionError, MemoryError):
        return _NO_ROOM


def _metadata_left_out(error: Exception) -> bytes:
    try:
        pass_on_signal(error)
        return encode_json({"metadata": _reason(error)})
    except (RecursionError, MemoryError):
        return _NO_ROOM_TEXT


def _reason(error: Exception) -> str:
    if isinstance(error, MaskingFailed):
        return "masking failed: the function given as `redact` raised an error"
    return f"it could not be captured ({qualified_name(type(error))})"


# Made in advance, for a call so deep, or a memory so full, that nothing can be made any more.
_NO_ROOM_TEXT = b'{"leftOut":"there was no room left to capture it"}'
_NO_ROOM = Capture(JSON, _NO_ROOM_TEXT, b'{"type":"unknown","bytes":%d}' % len(_NO_ROOM_TEXT))
