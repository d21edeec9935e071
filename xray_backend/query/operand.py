"""The values in a filter: checked against the limits, and on dates and ids read as such."""

from datetime import datetime
from typing import Annotated

import msgspec

from xray_backend.clock import whole_ms
from xray_backend.errors import BadRequest
from xray_backend.ids import is_valid_object_id
from xray_backend.query.limits import QueryLimits
from xray_backend.query.path import Place
from xray_backend.query.regex.pattern import PatternRefused, compile_pattern
from xray_backend.query.tree import Date, Regex, Value
from xray_backend.query.values import is_number

__all__ = ["OperandReader"]

# Patterns know all of Unicode anyway: u changes nothing, in MongoDB too.
_REGEX_OPTIONS = frozenset("imsxu")
_ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]

# The last times that a JavaScript client can name, 100 million days either side of the epoch.
_LARGEST_TIME_MS = 8_640_000_000_000_000
_LARGEST_INTEGER = 2**63 - 1


class OperandReader:
    """Reads the values of one filter, and counts them."""

    def __init__(self, limits: QueryLimits) -> None:
        self._limits = limits
        self._left = limits.max_values
        self._text_bytes_left = limits.max_text_bytes

    def read(self, place: Place, value: object) -> Value:
        """Return what the place is compared with. Raises `BadRequest` if that cannot be."""
        if value is None or place.holds == "any":
            return self._checked(place.name, value, 1)
        self._count()
        return _read_date(place.name, value) if place.holds == "date" else _read_object_id(value)

    def read_list(self, place: Place, operator: str, values: object) -> tuple[Value, ...]:
        """Return the values of `$in`, `$nin` or `$all`. Raises `BadRequest` if it is no list of comparable values."""
        if not isinstance(values, list):
            raise BadRequest(f"{operator} on '{place.name}' needs a list of values.")
        self._check_length(place.name, values)
        if any(isinstance(value, dict) and next(iter(value), "").startswith("$") for value in values):
            raise BadRequest(f"{operator} on '{place.name}' takes values, not operators.")
        return tuple(self.read(place, value) for value in values)

    def read_length(self, place: Place, value: object) -> int:
        """Return the operand of `$size`. Raises `BadRequest` if no array could have so many elements."""
        if isinstance(value, (int, float)) and is_number(value) and value >= 0 and value == int(value):
            return _checked_integer(place.name, int(value))
        raise BadRequest(f"$size on '{place.name}' needs a whole number that is not negative.")

    def read_pattern(self, place: Place, pattern: object, options: object) -> Regex:
        """Return the test of `$regex` and `$options`. Raises `BadRequest` if RE2 cannot run it."""
        if not isinstance(pattern, str):
            raise BadRequest(f"$regex on '{place.name}' needs a text; the options of a pattern stand in $options.")
        if not isinstance(options, str) or set(options) - _REGEX_OPTIONS:
            raise BadRequest(f"$options on '{place.name}' takes the letters i, m, s and x.")
        if len(pattern) > self._limits.max_regex_length:
            raise BadRequest(
                f"The pattern for '{place.name}' is longer than {self._limits.max_regex_length} characters."
            )
        regex = Regex(place.path, self._checked_string(place.name, pattern), "".join(sorted(set(options) - {"u"})))
        try:
            compile_pattern(regex.pattern, regex.options)
        except PatternRefused as refused:
            raise BadRequest(f"The pattern for '{place.name}' {refused}.") from None
        return regex

    def _checked(self, where: str, value: object, depth: int) -> Value:
        self._count()
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return _checked_integer(where, value)
        if isinstance(value, str):
            return self._checked_string(where, value)
        if depth > self._limits.max_depth:
            raise BadRequest(f"The value for '{where}' is nested more than {self._limits.max_depth} levels deep.")
        if isinstance(value, list):
            self._check_length(where, value)
            return [self._checked(where, item, depth + 1) for item in value]
        if isinstance(value, dict):
            return {
                self._checked_string(where, str(key)): self._checked(where, item, depth + 1)
                for key, item in value.items()
            }
        raise BadRequest(f"The value for '{where}' is not a JSON value.")

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadRequest(f"The filter holds more than {self._limits.max_values} values.")

    def _check_length(self, where: str, values: list[object]) -> None:
        if len(values) > self._limits.max_list_length:
            raise BadRequest(f"A list for '{where}' holds more than {self._limits.max_list_length} values.")

    def _checked_string(self, where: str, value: str) -> str:
        try:
            self._text_bytes_left -= len(value.encode())
        except UnicodeEncodeError:
            raise BadRequest(f"A string for '{where}' holds half of a surrogate pair, which is no character.") from None
        if self._text_bytes_left < 0:
            raise BadRequest(f"The strings of the filter have more than {self._limits.max_text_bytes} bytes together.")
        return value


def _checked_integer(where: str, value: int) -> int:
    if not -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER:
        raise BadRequest(
            f"An integer for '{where}' has more than 64 bits; such integers are stored as strings: ask for the string."
        )
    return value


def _read_date(field: str, value: object) -> Date:
    refusal = BadRequest(
        f"'{field}' is a time: give milliseconds since 1970, or ISO 8601 text with an offset, or null."
    )
    if isinstance(value, str):
        try:
            return Date(whole_ms(msgspec.convert(value, _ZonedTime)))
        except msgspec.ValidationError:
            raise refusal from None
    if not isinstance(value, (int, float)) or not is_number(value):
        raise refusal
    if not -_LARGEST_TIME_MS <= value <= _LARGEST_TIME_MS:
        raise BadRequest(f"The number of milliseconds for '{field}' is beyond every calendar.")
    return Date(int(value // 1))


def _read_object_id(value: object) -> str:
    if isinstance(value, str) and is_valid_object_id(value.lower()):
        return value.lower()
    raise BadRequest("'_id' is compared with a text of 24 hexadecimal digits, or with null.")
