"""A pattern in RE2's words."""

from dataclasses import dataclass

from xray_backend.query.regex.sets import both_cases
from xray_backend.query.regex.syntax import (
    Assertion,
    Break,
    Choice,
    Item,
    Letter,
    PatternRefused,
    Range,
    Repeat,
    Sequence,
    Set,
    all_items,
    shortest,
)

__all__ = ["Search", "translate"]


@dataclass(frozen=True)
class Search:
    """One search by RE2; a pattern is found if any of its searches is."""

    expression: str
    starts_a_line: bool = False
    """It must be found before the end of the text: RE2 begins a line behind the last line's end, PCRE2 does not."""


def translate(pattern: Item) -> list[Search]:
    """Say the pattern in RE2's words. Raises `PatternRefused` if what it means cannot be said."""
    branches = pattern.branches if isinstance(pattern, Choice) else (pattern,)
    searches, usual = [], []
    for branch in branches:
        if shortest(branch) == 0 and _NO_WORD_EDGE in all_items(branch):
            # RE2 looks between bytes, and would find it in the middle of a letter.
            raise PatternRefused("has a \\B with no character beside it")
        if isinstance(branch, Sequence) and branch.items[:1] == (_LINE_START,) and shortest(branch) == 0:
            searches.append(Search("(?m:^)" + _said(Sequence(branch.items[1:]), ()), starts_a_line=True))
        else:
            usual.append(_said(branch, ()))
    return [*searches, Search("|".join(usual))] if usual else searches


_LINE_START = Assertion("line_start")
_NO_WORD_EDGE = Assertion("no_word_edge")


def _said(item: Item, following: tuple[Item, ...]) -> str:
    """Return RE2's words for an item, when this is all that follows it up to the end of the pattern."""
    if isinstance(item, Letter):
        return _letter(item)
    if isinstance(item, Set):
        return _set(item)
    if isinstance(item, Assertion):
        return _assertion(item, following)
    if isinstance(item, Break):
        return _break(following)
    if isinstance(item, Repeat):
        return _repeat(item, following)
    if isinstance(item, Choice):
        return "(?:" + "|".join(_said(branch, following) for branch in item.branches) + ")"
    parts = [_said(part, item.items[place + 1 :] + following) for place, part in enumerate(item.items)]
    return "".join(parts)


def _letter(letter: Letter) -> str:
    written = _code(ord(letter.char))
    has_case = not letter.char.isascii() or letter.char.isalpha()
    return f"(?i:{written})" if letter.folded and has_case else written


def _set(found: Set) -> str:
    letters = both_cases(found.letters) if found.folded else found.letters
    named = _ranges(found.ranges) + "".join(found.categories)
    caret = "^" if found.negated else ""
    if letters is not None:
        return f"[{caret}{named}{_ranges(letters)}]"
    written_out = f"(?i:[{caret}{_ranges(found.letters)}])"
    if not named:
        return written_out
    if found.negated:
        raise PatternRefused(
            "leaves out both a named set and letters beyond ASCII in brackets, which RE2 cannot do under the option i"
        )
    return f"(?:{written_out}|[{named}])"


def _assertion(assertion: Assertion, following: tuple[Item, ...]) -> str:
    if assertion.at == "last_line_end":
        if following:
            raise PatternRefused("has a $ or \\Z that is not at its end, or at the end of a branch, but under option m")
        # Nothing follows, so that the line's end may be part of the match.
        return r"\n?\z"
    if assertion.at == "line_start" and not sum(map(shortest, following)):
        raise PatternRefused("has a ^ under option m that neither begins it nor is followed by a character")
    return _ASSERTIONS[assertion.at]


_ASSERTIONS = {
    "start": r"\A",
    "line_start": "(?m:^)",
    "end": r"\z",
    "line_end": "(?m:$)",
    "word_edge": r"\b",
    "no_word_edge": r"\B",
}


def _break(following: tuple[Item, ...]) -> str:
    """Say that CR LF is not two: which needs no saying if what follows cannot stand between them."""
    for item in following:
        if _may_stand_before_newline(item):
            raise PatternRefused("has a \\R before what may be an end of line too; write [\\r\\n]+ or the like")
        if shortest(item):
            break
    return r"(?:\r\n|[\n\x0b\f\r\x{85}\x{2028}\x{2029}])"


def _may_stand_before_newline(item: Item) -> bool:
    if isinstance(item, Letter):
        return item.char == "\n"
    if isinstance(item, Set):
        within = any(low <= _NEWLINE <= high for low, high in item.ranges + item.letters)
        return bool(item.categories) or within != item.negated
    if isinstance(item, Assertion):
        return item.at in ("line_end", "no_word_edge")
    if isinstance(item, Repeat):
        return _may_stand_before_newline(item.item)
    if isinstance(item, Break):
        return True
    return any(map(_may_stand_before_newline, item.items if isinstance(item, Sequence) else item.branches))


_NEWLINE = ord("\n")


def _repeat(repeat: Repeat, following: tuple[Item, ...]) -> str:
    again = () if repeat.most in (0, 1) else (Repeat(repeat.item, 0, None),)
    bounds = f"{{{repeat.least},{'' if repeat.most is None else repeat.most}}}"
    return f"(?:{_said(repeat.item, again + following)}){bounds}"


def _ranges(ranges: tuple[Range, ...]) -> str:
    return "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges)


def _code(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\x{{{code:x}}}"
