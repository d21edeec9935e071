"""The open `with` blocks of one `step(…)` or `trace(…)`."""

from typing import Generic, TypeVar

from xray_trace.context import Scope

__all__ = ["Blocks"]

S = TypeVar("S", bound=Scope)


class Blocks(Generic[S]):
    """Remembers what each block opened and the scope around it.

    One object may be entered by several threads or tasks at once, so the block that ends is found by the scope
    that is current; where the user's code left another one current, the innermost is taken.
    """

    def __init__(self) -> None:
        self._open: list[tuple[S, Scope | None]] = []

    def push(self, opened: S, former: Scope | None) -> None:
        """Remember a block that begins."""
        self._open.append((opened, former))

    def pop(self, current: Scope | None) -> tuple[S, Scope | None]:
        """Forget the block that ends, and return what it opened and the scope before it."""
        for position in range(len(self._open) - 1, -1, -1):
            if self._open[position][0] is current:
                return self._open.pop(position)
        return self._open.pop()
