"""The patterns of `$regex`: whether a text has one, and what every text with it begins with."""

from collections.abc import Callable
from typing import Final

import re2

from xray_backend.query.regex.parser import parse_pattern
from xray_backend.query.regex.syntax import Assertion, Item, Letter, PatternRefused, Repeat, Sequence
from xray_backend.query.regex.translate import Search, translate

__all__ = ["PatternRefused", "compile_pattern", "literal_prefix"]

MAX_COMPILED_BYTES: Final = 1024 * 1024
"""What RE2 may use for one pattern: an eighth of its own default still holds hundreds of alternatives, and bounds what
the longest text costs."""


def compile_pattern(pattern: str, options: str) -> Callable[[str], bool]:
    """Return the test whether a pattern is found somewhere in a text.

    Raises `PatternRefused` if the pattern is wrong, needs what RE2 has not, or is too large when compiled.
    """
    searches = [_compiled(search) for search in translate(parse_pattern(pattern, options))]

    def is_found(text: str) -> bool:
        encoded = text.encode()
        return any(search(encoded) for search in searches)

    return is_found


def literal_prefix(pattern: str, options: str) -> str | None:
    """Return what every text with the pattern begins with; None if that is nothing, or the pattern may stand elsewhere.

    The pattern is one that `compile_pattern` takes.
    """
    items = list(_flattened(parse_pattern(pattern, options)))
    if items[:1] != [Assertion("start")]:
        return None
    prefix = ""
    for item in items[1:]:
        letter = item.item if isinstance(item, Repeat) else item
        if not isinstance(letter, Letter) or letter.folded:
            break
        prefix += letter.char * (item.least if isinstance(item, Repeat) else 1)
        if isinstance(item, Repeat) and item.least != item.most:
            break
    return prefix or None


def _compiled(search: Search) -> Callable[[bytes], bool]:
    options = re2.Options()
    options.max_mem = MAX_COMPILED_BYTES
    options.log_errors = False
    options.never_capture = True
    try:
        compiled = re2.compile(search.expression.encode(), options)
    except re2.error:
        raise PatternRefused("is too large when its repetitions are written out") from None

    def is_found(text: bytes) -> bool:
        found = compiled.search(text)
        return found is not None and not (search.starts_a_line and 0 < len(text) == found.start())

    return is_found


def _flattened(item: Item) -> list[Item]:
    """Return the items of a sequence, with those of a sequence in it in its place."""
    if not isinstance(item, Sequence):
        return [item]
    return [inner for part in item.items for inner in _flattened(part)]
