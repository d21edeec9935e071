"""How often one address or one account may try to log in or to register.

The counts live in this process's memory: the server runs as one worker process. Several processes need a storage
that they share.
"""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from xray_backend.errors import TooManyRequests

__all__ = ["RateLimits"]


class RateLimits:
    """Counts attempts by kind and by who made them."""

    def __init__(self, rates: dict[str, str]) -> None:
        self._rates: dict[str, RateLimitItem] = {kind: parse(rate) for kind, rate in rates.items()}
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, kind: str, who: str) -> None:
        """Count one attempt. Raises `TooManyRequests` if there were too many; such an attempt is not counted."""
        rate = self._rates[kind]
        if self._limiter.hit(rate, kind, who):
            return
        window = self._limiter.get_window_stats(rate, kind, who)
        wait_seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise TooManyRequests(
            f"Too many attempts; try again in {wait_seconds} seconds.", retry_after_seconds=wait_seconds
        )
