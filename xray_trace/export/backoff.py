"""How long to wait before the next attempt."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

__all__ = ["Backoff", "retry_after_seconds"]

_MAX_RETRY_AFTER_SECONDS = 3600.0  # a server's word is taken, but a slip in it must not stop us for days


@dataclass(frozen=True)
class Backoff:
    """Exponential back-off with full jitter: any time up to a bound that doubles.

    Full jitter spreads the programs that lost the same server over the whole time.
    """

    base_seconds: float = 0.5  # a restart of a server's process takes about that
    cap_seconds: float = 30.0  # nobody should wait longer for a server that is back
    random: Callable[[], float] = random.random

    def delay_seconds(self, failures: int) -> float:
        """Return the time to wait after so many failures in a row."""
        bound: float = min(self.cap_seconds, self.base_seconds * 2 ** (failures - 1))
        return self.random() * bound


def retry_after_seconds(header: str | None, now_seconds: float) -> float | None:
    """Return what a Retry-After header asks for, given as seconds or as a date; None where it says nothing."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now_seconds
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS) if seconds == seconds else None
