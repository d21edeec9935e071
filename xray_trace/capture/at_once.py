"""The hot path: the values that most calls pass, taken with one call of the encoder.

Exact built-in types only. Everything that needs a second thought is left to `conversion`.
"""

from typing import Any

from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.json_codec import JSON, encode_json
from xray_trace.capture.probe import (
    CALLER_BUDGET,
    INT64_MAX,
    INT64_MIN,
    MAX_DEPTH,
    WHATEVER_IT_COSTS,
    Budget,
    TooLarge,
    is_flat,
    look_at,
)
from xray_trace.capture.redaction import Redaction
from xray_trace.capture.shape import CONTAINER_SHAPES, ONE_LONGER, SCALAR, TEXT
from xray_trace.events import Part, Role

__all__ = ["LONGEST_QUOTED_TEXT", "AtOnce", "encode_plain", "encode_seen"]

LONGEST_QUOTED_TEXT = 16 * 1024
"""Characters; a longer string is stored as it is, because quoting and escaping it costs ten times a copy."""


class AtOnce:
    """Takes plain values under harmless names; a function of the user's that masks has to see every value."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._harmless: set[str] = redaction.harmless if redaction.function is None else set()

    def take(self, name: str, role: Role | None, value: Any, always: bool) -> Part | None:  # noqa: C901 - a call is a tenth of it
        """Return the value as a part, or None if it needs more than this; raises TooLarge unless `always`.

        A name that was not met before needs more, once. The types are in the order of how often they come.
        """
        if name not in self._harmless:
            return None
        kind = type(value)
        if kind is str:
            length = len(value)
            if length > LONGEST_QUOTED_TEXT:
                return None
            shape = length * ONE_LONGER + TEXT
        elif kind is int:
            if not INT64_MIN <= value <= INT64_MAX:
                return None
            shape = SCALAR
        elif kind is dict or kind is list or kind is tuple or kind is set or kind is frozenset:
            is_harmless = kind is dict and is_flat(value, self._harmless)
            if not is_harmless and not self._looks_harmless(value, always):
                return None
            shape = len(value) * ONE_LONGER + CONTAINER_SHAPES[kind]
        elif value is None or kind is bool or (kind is float and value - value == 0):  # NaN for NaN and the infinities
            shape = SCALAR
        else:
            return None
        try:
            return Part(name, role, JSON, encode_json(value), shape)
        except (UnicodeEncodeError, TypeError) as error:  # a lone surrogate, or another thread's change since the look
            pass_on_signal(error)
            return None

    def _looks_harmless(self, value: Any, always: bool) -> bool:
        """Tell whether the container is plain all the way down and hides no secret."""
        try:
            names = look_at(value, WHATEVER_IT_COSTS if always else CALLER_BUDGET)
        except TooLarge:
            if not always:
                raise
            return False
        return names is not None and self._redaction.are_harmless(names)


def encode_plain(value: Any, redaction: Redaction, budget: Budget, levels: int = MAX_DEPTH) -> bytes | None:
    """Return the JSON of a container that is plain all the way down and hides no secret, else None.

    Raises TooLarge if it is over the budget.
    """
    names = look_at(value, budget, levels)
    return None if names is None or not redaction.are_harmless(names) else encode_seen(value)


def encode_seen(value: Any) -> bytes | None:
    """Return the JSON of a container that was looked at and found plain, or None where that cannot be."""
    try:
        return encode_json(value)
    except (UnicodeEncodeError, TypeError) as error:  # as in `take`
        pass_on_signal(error)
        return None
