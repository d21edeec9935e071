"""A clock that a test sets."""

__all__ = ["NOW", "SetClock"]

NOW = 1_700_000_000_000


class SetClock:
    """Tells what it was set to."""

    def __init__(self) -> None:
        self.now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms
