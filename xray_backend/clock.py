"""Times: milliseconds since the epoch inside, ISO 8601 with milliseconds and `Z` in an answer."""

import time
from datetime import datetime, timezone

__all__ = ["iso", "now_ms"]


def now_ms() -> int:
    """Return the time in whole milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def iso(ms: float) -> str:
    """Format milliseconds since the epoch as `2026-01-11T16:54:53.243Z`."""
    whole = int(ms // 1)
    at = datetime.fromtimestamp(whole // 1000, tz=timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{whole % 1000:03d}Z"
