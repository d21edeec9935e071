"""What stands between square brackets."""

import re
from collections.abc import Mapping
from typing import Final

from xray_backend.query.regex.escapes import read_escape
from xray_backend.query.regex.sets import POSIX, complement
from xray_backend.query.regex.source import Source
from xray_backend.query.regex.syntax import Range, Set

__all__ = ["read_set"]

_POSIX: Final = re.compile(r"\[:(\^?)([a-z]*):\]")
_POSIX_OTHER: Final = re.compile(r"\[([.=])[^\]]*\1\]")
_WITHOUT_CASE: Final[Mapping[str, str]] = {"lower": "alpha", "upper": "alpha"}


def read_set(source: Source, *, folded: bool) -> Set:
    """Read on behind the opening bracket, the closing one included. Raises `PatternRefused` if it is wrong."""
    negated = source.skip("^")
    letters: list[Range] = []
    named: list[Set] = []
    is_first = True  # A closing bracket at the very front is a member.
    while is_first or not source.skip("]"):
        member = _member(source, folded)
        is_range = source.peek() == "-" and source.peek(2) not in ("-", "-]")
        if is_range:
            source.next()
            letters.append(_range(source, member, _member(source, folded)))
        elif isinstance(member, str):
            letters.append((ord(member), ord(member)))
        else:
            named.append(member)
        is_first = False
    ranges = tuple(span for part in named for span in part.ranges)
    categories = tuple(name for part in named for name in part.categories)
    return Set(ranges, tuple(letters), categories, negated, folded)


def _member(source: Source, folded: bool) -> str | Set:
    if source.is_at_end:
        raise source.refusal("has a set without its closing bracket")
    posix = source.match(_POSIX)
    if posix:
        return _posix(source, posix[2], is_negated=bool(posix[1]), folded=folded)
    if source.match(_POSIX_OTHER):
        raise source.refusal("has a collating element, which is not supported,")
    char = source.next()
    if char != "\\":
        return char
    if source.peek() in ("Q", "E"):
        raise source.refusal("quotes with \\Q or \\E in a set, where it is not supported,")
    member = read_escape(source, in_set=True, folded=folded)
    assert isinstance(member, (str, Set)), "in a set, nothing else is read"
    return member


def _posix(source: Source, name: str, *, is_negated: bool, folded: bool) -> Set:
    if name not in POSIX:
        raise source.refusal("has a POSIX set of an unknown name")
    ranges = POSIX[_WITHOUT_CASE.get(name, name) if folded else name]
    return Set(complement(ranges) if is_negated else ranges)


def _range(source: Source, low: str | Set, high: str | Set) -> Range:
    if isinstance(low, Set) or isinstance(high, Set):
        raise source.refusal("has a hyphen beside a set such as \\d (put it last, or a backslash in front)")
    if low > high:
        raise source.refusal("has a range whose end comes first")
    return ord(low), ord(high)
