"""The text of a pattern, read from left to right."""

import re
from collections.abc import Callable

from xray_backend.query.regex.syntax import PatternRefused

__all__ = ["Source"]


class Source:
    """Reads on only; knows where it is, for the sentence of a refusal."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Tell whether all was read."""
        return self._at >= len(self._text)

    def peek(self, length: int = 1) -> str:
        """Return what comes next, and read it again later."""
        return self._text[self._at : self._at + length]

    def next(self) -> str:
        """Read a character; there must be one."""
        self._at += 1
        return self._text[self._at - 1]

    def skip(self, text: str) -> bool:
        """Read this text if it comes next; tell whether it did."""
        found = self._text.startswith(text, self._at)
        self._at += len(text) * found
        return found

    def match(self, expression: "re.Pattern[str]") -> "re.Match[str] | None":
        """Read what the expression matches from here on."""
        found = expression.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found

    def until(self, end: str) -> str | None:
        """Read a text and the end behind it; None if it has no end, and nothing is read."""
        place = self._text.find(end, self._at)
        if place < 0:
            return None
        start, self._at = self._at, place + len(end)
        return self._text[start:place]

    def rest(self) -> str:
        """Read all that is left."""
        start, self._at = self._at, len(self._text)
        return self._text[start:]

    def skip_while(self, holds: Callable[[str], bool]) -> None:
        """Read characters as long as they are of a kind."""
        while not self.is_at_end and holds(self._text[self._at]):
            self._at += 1

    def refusal(self, reason: str) -> PatternRefused:
        """Return the error; the reason stands behind "has" or "is", and before where it was found."""
        return PatternRefused(f"{reason} before its character {self._at + 1}" if self._at else reason)
