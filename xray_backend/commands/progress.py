"""How far a command is, on the terminal; nothing where there is none."""

import sys
import time
from typing import Final

__all__ = ["Progress"]

_EVERY_SECONDS: Final = 0.1
"""Often enough to be seen moving."""

_BAR: Final = 30
"""Characters of a full bar."""


class Progress:
    """Counts; with a total it draws a bar."""

    def __init__(self, noun: str, total: int | None = None) -> None:
        self._noun = noun
        self._total = total
        self._count = 0
        self._next = 0.0
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            self._draw()
            print(file=sys.stderr)

    def add(self, count: int) -> None:
        """Note that so many more are done."""
        self._count += count
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_SECONDS
            self._draw()

    def _draw(self) -> None:
        text = f"{self._count:,} {self._noun}"
        if self._total:
            filled = min(_BAR, _BAR * self._count // self._total)
            text = f"[{'#' * filled}{'.' * (_BAR - filled)}] {self._count:,} of {self._total:,} {self._noun}"
        print(f"\r{text}", end="", file=sys.stderr, flush=True)
