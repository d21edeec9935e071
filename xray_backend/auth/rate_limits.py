"""How often one address or one account may try to log in or to register.

The attempts are in the store, so that the limits hold over all processes of a server and over a restart.
"""

import hashlib
import math
import time
from typing import Any

from limits import RateLimitItem, parse
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from xray_backend.errors import TooManyRequests
from xray_backend.store.base import Store

__all__ = ["RateLimits"]


class RateLimits:
    """Counts attempts by kind and by who made them."""

    def __init__(self, rates: dict[str, str], store: Store) -> None:
        self._rates: dict[str, RateLimitItem] = {kind: parse(rate) for kind, rate in rates.items()}
        self._limiter = MovingWindowRateLimiter(_StoredAttempts(store))

    def count(self, kind: str, who: str) -> None:
        """Count one attempt. Raises `TooManyRequests` if there were too many; such an attempt is not counted."""
        rate = self._rates[kind]
        # Hashed, so that the database does not fill with what strangers typed, however long that is.
        counted = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()
        if self._limiter.hit(rate, kind, counted):
            return
        window = self._limiter.get_window_stats(rate, kind, counted)
        wait_seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise TooManyRequests(
            f"Too many attempts; try again in {wait_seconds} seconds.", retry_after_seconds=wait_seconds
        )


class _StoredAttempts(Storage, MovingWindowSupport):
    """What the limiter needs of the store: moving windows, and nothing of the other strategies."""

    STORAGE_SCHEME = None  # nobody asks for it by a URL

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count an attempt, if the window has room for it."""
        return self._store.count_attempt(key, limit, expiry)

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the window began, in seconds, and how many attempts are in it."""
        oldest_ms, count = self._store.attempts(key, expiry)
        return oldest_ms / 1000, count

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Return none: the store's errors are the answer's."""
        return ()

    def check(self) -> bool:
        """Tell whether the store answers."""
        self._store.ping()
        return True

    def _not_a_moving_window(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("attempts are counted in moving windows only")

    incr = get = get_expiry = reset = clear = _not_a_moving_window
