"""What a backslash and the characters behind it mean."""

import re
import string
from collections.abc import Mapping
from typing import Final

from xray_backend.query.regex.sets import ESCAPED, GENERAL_CATEGORIES
from xray_backend.query.regex.source import Source
from xray_backend.query.regex.syntax import Assertion, Break, Set

__all__ = ["read_escape"]

_CHARACTERS: Final[Mapping[str, str]] = {"a": "\a", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ASSERTIONS: Final[Mapping[str, Assertion]] = {
    "A": Assertion("start"),
    "z": Assertion("end"),
    "Z": Assertion("last_line_end"),
    "b": Assertion("word_edge"),
    "B": Assertion("no_word_edge"),
}
_REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys("123456789gk", "a back-reference or a call of a group"),
    "C": "\\C, a single byte",
    "G": "\\G",
    "K": "\\K",
    "X": "\\X",
}
_HEX: Final = re.compile(r"\{([0-9A-Fa-f]{1,8})\}|(?!\{)([0-9A-Fa-f]{0,2})")
_OCTAL: Final = re.compile(r"o\{([0-7]{1,11})\}|(0[0-7]{0,2})")
_CATEGORY: Final = re.compile(r"\{(\^?)([A-Za-z]+)\}|()([A-Z])")
_CASES = frozenset({"Lu", "Ll", "Lt"})


def read_escape(source: Source, *, in_set: bool, folded: bool) -> str | Set | Assertion | Break:
    """Read on behind a backslash; a text is the one character that is meant.

    Raises `PatternRefused` if it means nothing, or what RE2 has not.
    """
    if source.is_at_end:
        raise source.refusal("ends with a single backslash")
    octal = source.match(_OCTAL)
    if octal:
        return _character(source, int(octal[1] or octal[2], 8))
    letter = source.next()
    if letter in "pP":
        return _category(source, letter, folded)
    if letter == "x":
        return _hexadecimal(source)
    if letter == "c":
        return _control(source)
    if letter in ESCAPED and not (letter == "N" and (in_set or source.peek() == "{")):
        return Set(ESCAPED[letter])
    return _plain(source, letter, in_set)


def _plain(source: Source, letter: str, in_set: bool) -> str | Assertion | Break:
    if letter in _CHARACTERS:
        return _CHARACTERS[letter]
    if in_set and letter == "b":
        return "\b"
    if letter in _REFUSED:
        raise source.refusal(f"has {_REFUSED[letter]}, which RE2 has not,")
    if not in_set and letter in _ASSERTIONS:
        return _ASSERTIONS[letter]
    if not in_set and letter == "R":
        return Break()
    if letter in string.ascii_letters + string.digits:
        raise source.refusal(f"has the escape \\{letter}, which means nothing {'in a set' if in_set else 'here'},")
    return letter


def _character(source: Source, code: int) -> str:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise source.refusal("has the number of no character")
    return chr(code)


def _hexadecimal(source: Source) -> str:
    digits = source.match(_HEX)
    if digits is None:
        raise source.refusal("has \\x{ without hexadecimal digits and a brace")
    return _character(source, int(digits[1] or digits[2] or "0", 16))


def _control(source: Source) -> str:
    char = source.next() if not source.is_at_end else ""
    if not " " <= char <= "~":
        raise source.refusal("has \\c without a character of ASCII")
    return chr(ord(char.upper()) ^ 0x40)


def _category(source: Source, letter: str, folded: bool) -> Set:
    found = source.match(_CATEGORY)
    name = (found[2] or found[4]) if found else ""
    if found is None or name not in GENERAL_CATEGORIES:
        raise source.refusal("has a property that is none of Unicode's general categories, such as \\p{L} or \\p{Nd},")
    if folded and name in _CASES:
        raise source.refusal(f"asks for case by \\p{{{name}}} while the option i leaves it out")
    positive = (letter == "p") != bool(found[1])
    return Set(categories=(f"\\{'p' if positive else 'P'}{{{name}}}",))
