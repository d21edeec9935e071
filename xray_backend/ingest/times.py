"""Times as requests give them: milliseconds since the epoch, or ISO 8601 with an offset."""

from datetime import datetime, timedelta
from typing import Final, TypeAlias

from xray_backend.clock import EPOCH

__all__ = ["LAST_MS", "Time", "is_storable", "to_ms"]

Time: TypeAlias = float | datetime

LAST_MS: Final = 253_402_300_799_999.0
"""The last millisecond of the year 9999, the last that ISO 8601 can write with four digits."""

_MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(time: Time) -> float:
    """Return milliseconds since the epoch; the time must have an offset."""
    milliseconds = (time - EPOCH) / _MILLISECOND if isinstance(time, datetime) else time
    return milliseconds + 0.0  # -0.0 is the same time as 0.0, and must be written the same


def is_storable(time: Time) -> bool:
    """Tell whether a time has an offset and lies between 1970 and 9999."""
    if isinstance(time, datetime):
        return time.tzinfo is not None and 0 <= to_ms(time) <= LAST_MS
    return 0 <= time <= LAST_MS
