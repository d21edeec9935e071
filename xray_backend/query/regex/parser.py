"""PCRE2's syntax, as far as RE2 can do what it says."""

import re
from typing import Final

from xray_backend.query.regex.brackets import read_set
from xray_backend.query.regex.escapes import read_escape
from xray_backend.query.regex.sets import NOT_NEWLINE
from xray_backend.query.regex.source import Source
from xray_backend.query.regex.syntax import Assertion, Choice, Item, Letter, Repeat, Sequence, Set

__all__ = ["parse_pattern"]

MAX_GROUP_DEPTH: Final = 50
"""People nest three or four; each level is a few calls deep here."""

MAX_REPEAT: Final = 1000
"""RE2's own bound."""

_QUANTIFIER: Final = re.compile(r"([*+?])|\{(\d{1,5})(,?)(\d{0,5})\}")
# PCRE2's versions differ on what these mean.
_DOUBTFUL_QUANTIFIER: Final = re.compile(r"\{[ \t]*\d*[ \t]*,?[ \t]*\d*[ \t]*\}")
_FLAGS: Final = re.compile(r"\?([imsx]*)(?:-([imsx]+))?([:)])")
_NAME: Final = re.compile(r"\?(?:P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')", re.ASCII)
_REFUSED_GROUPS: Final = {
    "?=": "a look-ahead",
    "?!": "a look-ahead",
    "?<=": "a look-behind",
    "?<!": "a look-behind",
    "?>": "an atomic group",
    "?(": "a condition",
    "?P=": "a back-reference",
    "*": "a verb or an alphabetic assertion",
}
_ALL_CHARACTERS: Final = Set(ranges=((0, 0x10FFFF),))


def parse_pattern(text: str, options: str) -> Item:
    """Take a pattern apart. Raises `PatternRefused` if it is wrong, or needs what RE2 has not."""
    return _Parser(text, frozenset(options)).pattern()


class _Parser:
    def __init__(self, text: str, flags: frozenset[str]) -> None:
        self._source = Source(text)
        self._flags = flags
        self._depth = 0

    def pattern(self) -> Item:
        item = self._choice()
        if not self._source.is_at_end:
            raise self._source.refusal("closes a group that was not opened")
        return item

    def _choice(self) -> Item:
        """Read as far as the end of the group or of the pattern; options set inside hold for later branches, too."""
        branches = [self._sequence()]
        while self._source.skip("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Item:
        items: list[Item] = []
        can_repeat = False
        while True:
            self._skip_comments()
            if self._source.is_at_end or self._source.peek() in "|)":
                return Sequence(tuple(items))
            quantifier = self._source.match(_QUANTIFIER)
            if quantifier is None:
                read = self._items()
                items += read
                can_repeat = bool(read) and not isinstance(read[-1], Assertion)
            elif can_repeat:
                items[-1] = self._repeated(items[-1], quantifier)
                can_repeat = False
            else:
                raise self._source.refusal("has a quantifier with nothing to repeat")

    def _repeated(self, item: Item, quantifier: "re.Match[str]") -> Repeat:
        if self._source.skip("+"):
            raise self._source.refusal("has a possessive quantifier, which RE2 has not,")
        self._source.skip("?")  # Who asks only whether there is a match does not see which one.
        sign, low, comma, high = quantifier.groups()
        if sign:
            return Repeat(item, 1 if sign == "+" else 0, 1 if sign == "?" else None)
        least, most = int(low), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            raise self._source.refusal("has a quantifier whose bounds are the wrong way round")
        if max(least, most or 0) > MAX_REPEAT:
            raise self._source.refusal(f"repeats more than {MAX_REPEAT} times")
        return Repeat(item, least, most)

    def _items(self) -> list[Item]:
        """Read what a quantifier may follow; a quoted text is several items, an option none."""
        source = self._source
        if source.skip("\\Q"):
            quoted = source.until("\\E")
            return [self._letter(char) for char in (source.rest() if quoted is None else quoted)]
        if source.skip("\\"):
            found = read_escape(source, in_set=False, folded="i" in self._flags)
            return [self._letter(found) if isinstance(found, str) else found]
        if source.skip("("):
            return self._group()
        if source.skip("["):
            return [self._set()]
        if source.match(_DOUBTFUL_QUANTIFIER):
            raise source.refusal("has braces that are a quantifier to some versions of PCRE2 alone")
        return [self._single(source.next())]

    def _single(self, char: str) -> Item:
        has = self._flags.__contains__
        if char == ".":
            return _ALL_CHARACTERS if has("s") else Set(NOT_NEWLINE)
        if char == "^":
            return Assertion("line_start" if has("m") else "start")
        if char == "$":
            return Assertion("line_end" if has("m") else "last_line_end")
        return self._letter(char)

    def _letter(self, char: str) -> Letter:
        return Letter(char, "i" in self._flags)

    def _set(self) -> Set:
        if self._source.match(_POSIX_ALONE):
            raise self._source.refusal("has a POSIX set that stands in no other brackets")
        return read_set(self._source, folded="i" in self._flags)

    def _group(self) -> list[Item]:
        flags = self._source.match(_FLAGS)
        if flags and flags[3] == ")":
            self._flags = self._changed(flags)
            return []
        outer = self._flags
        if flags:
            self._flags = self._changed(flags)
        elif not (self._source.match(_NAME) or self._source.skip("?|")):
            self._refuse_special_groups()
        item = self._nested()
        self._flags = outer
        return [item]

    def _nested(self) -> Item:
        self._depth += 1
        if self._depth > MAX_GROUP_DEPTH:
            raise self._source.refusal(f"nests more than {MAX_GROUP_DEPTH} groups")
        item = self._choice()
        if not self._source.skip(")"):
            raise self._source.refusal("has a group without its closing parenthesis")
        self._depth -= 1
        return item

    def _changed(self, flags: "re.Match[str]") -> frozenset[str]:
        return (self._flags | set(flags[1])) - set(flags[2] or "")

    def _refuse_special_groups(self) -> None:
        for start, name in _REFUSED_GROUPS.items():
            if self._source.skip(start):
                raise self._source.refusal(f"has {name}, which RE2 has not,")
        if self._source.skip("?"):
            raise self._source.refusal("has a kind of group that is not supported")

    def _skip_comments(self) -> None:
        source = self._source
        while True:
            if source.skip("(?#"):
                if source.until(")") is None:
                    raise source.refusal("has a comment without its closing parenthesis")
            elif source.skip("\\E"):
                pass
            elif "x" in self._flags and source.peek() and source.peek() in _IGNORED:
                source.next()
            elif "x" in self._flags and source.skip("#"):
                if source.until("\n") is None:
                    source.rest()
            else:
                return


_POSIX_ALONE: Final = re.compile(r":\^?[a-z]*:\]")

# White space to the option x, in the code and in Unicode's patterns.
_IGNORED: Final = "\t\n\v\f\r \x85\u200e\u200f\u2028\u2029"
