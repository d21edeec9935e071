"""Keys as people send them, as names that MongoDB takes, and back.

A key that holds a dot, begins with `$` or holds U+0000 is written with the mark U+10FFFF: no path reaches it, MongoDB
neither refuses it nor takes it for a reference, and objects compare as they did, since `-` and `#` stand just before
the characters that they stand for, and nothing stands behind the mark. U+0000 alone changes its place: it sorts last.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["MARK", "NO_FIELD", "escaped", "escaped_keys", "unescaped_keys"]

MARK: Final = "\U0010ffff"

NO_FIELD: Final = f"{MARK}9"
"""A name that no document has."""

_SPECIAL: Final = re.compile(f"^[$]|[.\0{MARK}]")
_NAMED: Final[Mapping[str, str]] = {"$": f"#{MARK}3", ".": f"-{MARK}3", "\0": f"{MARK}1", MARK: f"{MARK}2"}
_MARKED: Final = re.compile(f"[#-]{MARK}3|{MARK}[12]")
_MEANT: Final[Mapping[str, str]] = {name: letter for letter, name in _NAMED.items()}


def escaped(key: str) -> str:
    """Return the name under which a key is stored."""
    return _SPECIAL.sub(lambda found: _NAMED[found[0]], key)


def escaped_keys(value: Any) -> Any:
    """Return a JSON value with the keys of all its objects as they are stored."""
    if isinstance(value, Mapping):
        return {escaped(key): escaped_keys(inner) for key, inner in value.items()}
    return [escaped_keys(item) for item in value] if isinstance(value, list) else value


def unescaped_keys(value: Any) -> Any:
    """Return a stored value with its keys as they were sent."""
    if isinstance(value, dict):
        return {_unescaped(key): unescaped_keys(inner) for key, inner in value.items()}
    return [unescaped_keys(item) for item in value] if isinstance(value, list) else value


def _unescaped(key: str) -> str:
    return _MARKED.sub(lambda found: _MEANT[found[0]], key)
