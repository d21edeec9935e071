"""Why one event or item is not taken."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["TooLong", "Unacceptable", "Unreadable", "explain"]


class Unacceptable(ValueError):
    """An event or item that is refused; the message is one clear sentence, the kind a few words to count it under."""

    kind = "event invalid"


class TooLong(Unacceptable):
    """An event over the limit."""

    kind = "event too large"


class Unreadable(Unacceptable):
    """An event whose text is not JSON as it is taken here."""

    kind = "event unreadable"


_LONGEST_ECHO: Final = 100
"""So much of a client's own value is repeated in an answer: enough to find it."""

_TIME: Final = "milliseconds since 1970 or an ISO 8601 time with an offset"
_TYPES: Final[Mapping[str, str]] = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "float | datetime": _TIME,
    "float | datetime | null": _TIME,
}

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_EXPECTED: Final = re.compile(r"Expected `(?P<expected>[^`]*)`(?:, got `(?P<got>[^`]*)`)?")
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_BOUND: Final = re.compile(r"Expected `(?P<type>[^`]*)` (?P<of>of length )?(?P<sign>[<>]=?) (?P<bound>\S+)")
_SIGNS: Final[Mapping[str, str]] = {
    ">=": "at least",
    ">": "more than",
    "<=": "at most",
    "<": "less than",
}
_COUNTED: Final[Mapping[str, str]] = {"str": "characters", "array": "entries", "object": "entries"}
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_VALUE: Final = re.compile(r"Invalid (?:enum )?value '?(?P<value>.*?)'?", re.DOTALL)


def explain(error: msgspec.ValidationError, subject: str) -> str:
    """Say in one sentence which field of the subject is wrong, and what it must be."""
    parts = _AT.match(str(error))
    what, path = (parts["what"], parts["path"]) if parts else (str(error), None)
    if missing := _MISSING.fullmatch(what):
        return f"The field `{_join(path, missing['field'])}` is missing."
    field = f"`{path}`" if path else subject
    if wrong := _EXPECTED.fullmatch(what):
        got = f", not {_name(wrong['got'])}" if wrong["got"] else ""
        return f"{field} must be {_name(wrong['expected'])}{got}."
    if outside := _BOUND.fullmatch(what):
        verb, counted = ("have", f" {_COUNTED.get(outside['type'], 'items')}") if outside["of"] else ("be", "")
        return f"{field} must {verb} {_SIGNS[outside['sign']]} {outside['bound']}{counted}."
    if extra := _UNKNOWN.fullmatch(what):
        return f"{field} has the field `{extra['field'][:_LONGEST_ECHO]}`, which is not known here."
    if unknown := _VALUE.fullmatch(what):
        return f"{field} must not be '{unknown['value'][:_LONGEST_ECHO]}'; the value is not known here."
    if "RFC3339" in what:
        return f"{field} must be {_TIME}."
    return f"{field} is not acceptable: {what[:_LONGEST_ECHO]}."


def _join(path: str | None, field: str) -> str:
    return f"{path}.{field}" if path else field


def _name(types: str) -> str:
    return _TYPES.get(types) or " or ".join(_TYPES.get(part, part) for part in types.split(" | "))
