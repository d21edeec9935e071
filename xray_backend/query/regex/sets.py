"""The named sets of characters, as PCRE2 has them where nothing says otherwise: those of ASCII."""

import string
from collections.abc import Iterable, Mapping
from typing import Final

from xray_backend.query.regex.syntax import Range

__all__ = ["ESCAPED", "GENERAL_CATEGORIES", "NOT_NEWLINE", "POSIX", "both_cases", "complement", "ranges_of"]

_LAST: Final = 0x10FFFF


def ranges_of(chars: Iterable[str]) -> tuple[Range, ...]:
    """Return the characters as ranges, in order."""
    ranges: list[Range] = []
    for code in sorted(set(map(ord, chars))):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return tuple(ranges)


def complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """Return all other characters; the ranges must be in order."""
    others, start = [], 0
    for low, high in ranges:
        if start < low:
            others.append((start, low - 1))
        start = high + 1
    return (*others, (start, _LAST))


def both_cases(ranges: tuple[Range, ...]) -> tuple[Range, ...] | None:
    """Return the characters in either case; None if some are not ASCII, for which RE2 must be asked."""
    if any(high > _ASCII_LAST for _, high in ranges):
        return None
    chars = {chr(code) for low, high in ranges for code in range(low, high + 1)}
    return ranges_of(chars | set(map(str.swapcase, chars)) | {_ELSEWHERE[char] for char in chars & set(_ELSEWHERE)})


_ASCII_LAST: Final = 0x7F
# The Kelvin sign and the long s are letters of ASCII to who does not care for case.
_ELSEWHERE: Final = {"k": "\u212a", "K": "\u212a", "s": "\u017f", "S": "\u017f"}

_SPACES = ranges_of("\t\n\v\f\r ")
_DIGITS = ranges_of(string.digits)
_WORD = ranges_of(string.ascii_letters + string.digits + "_")
_BLANKS = ranges_of("\t \u00a0\u1680\u180e\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))
_LINE_ENDS = ranges_of("\n\v\f\r\x85\u2028\u2029")

NOT_NEWLINE: Final = complement(ranges_of("\n"))

ESCAPED: Final[Mapping[str, tuple[Range, ...]]] = {
    "d": _DIGITS,
    "w": _WORD,
    "s": _SPACES,
    "h": _BLANKS,
    "v": _LINE_ENDS,
    "D": complement(_DIGITS),
    "W": complement(_WORD),
    "S": complement(_SPACES),
    "H": complement(_BLANKS),
    "V": complement(_LINE_ENDS),
    "N": NOT_NEWLINE,
}
"""By the letter that stands behind the backslash."""

POSIX: Final[Mapping[str, tuple[Range, ...]]] = {
    "alnum": ranges_of(string.ascii_letters + string.digits),
    "alpha": ranges_of(string.ascii_letters),
    "ascii": ((0, _ASCII_LAST),),
    "blank": ranges_of("\t "),
    "cntrl": ((0, 0x1F), (_ASCII_LAST, _ASCII_LAST)),
    "digit": _DIGITS,
    "graph": ((0x21, 0x7E),),
    "lower": ranges_of(string.ascii_lowercase),
    "print": ((0x20, 0x7E),),
    "punct": ranges_of(string.punctuation),
    "space": _SPACES,
    "upper": ranges_of(string.ascii_uppercase),
    "word": _WORD,
    "xdigit": ranges_of(string.hexdigits),
}

_CATEGORIES = "L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs Cc Cf Co"
GENERAL_CATEGORIES: Final = frozenset(_CATEGORIES.split())
"""Those that both know; RE2's C lacks the characters that are not assigned."""
