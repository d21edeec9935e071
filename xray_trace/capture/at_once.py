"""The hot path: the values that most calls pass, taken with one call of the encoder.

Exact built-in types only. Everything that needs a second thought is left to `conversion`.
"""

from typing import Any

from xray_trace.capture.captured import Capture, new_capture
from xray_trace.capture.json_codec import JSON, encode_json
from xray_trace.capture.probe import CALLER_BUDGET, INT64_MAX, INT64_MIN, UNLIMITED, look_at
from xray_trace.capture.redaction import Redaction
from xray_trace.capture.summary import LONGEST_VALUE, summarise_container, summarise_scalar, summarise_text

__all__ = ["LONGEST_QUOTED_TEXT", "take_at_once"]

LONGEST_QUOTED_TEXT = 16 * 1024
"""Characters; a longer string is stored as it is, because quoting and escaping it costs ten times a copy."""


def take_at_once(value: Any, redaction: Redaction, *, always: bool) -> Capture | None:
    """Return the capture, or None if the value needs more than this; raises TooLarge unless `always`.

    The caller has made sure that the value's own name is harmless and that no function of the user's masks.
    """
    kind = type(value)
    if kind is str:
        return _take_text(value)
    if kind is dict or kind is list or kind is tuple or kind is set or kind is frozenset:
        names = look_at(value, UNLIMITED if always else CALLER_BUDGET)
        if names is None or redaction.hides_any(names):
            return None
        try:
            body = encode_json(value)
        except (UnicodeEncodeError, TypeError):  # a lone surrogate, or a change by another thread since the look
            return None
        return new_capture((JSON, body, summarise_container(kind, body, len(value)), None, None))
    if value is None or kind is bool or _is_plain_number(value, kind):
        body = encode_json(value)
        return new_capture((JSON, body, summarise_scalar(kind, body), None, None))
    return None


def _take_text(text: str) -> Capture | None:
    if len(text) > LONGEST_QUOTED_TEXT:
        return None
    try:
        body = encode_json(text)
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return new_capture((JSON, body, summarise_text(body, len(text), shown=len(text) <= LONGEST_VALUE), None, None))


def _is_plain_number(value: Any, kind: type) -> bool:
    if kind is int:
        return bool(INT64_MIN <= value <= INT64_MAX)
    return kind is float and value - value == 0  # NaN for NaN and the infinities
