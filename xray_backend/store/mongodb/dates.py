"""Milliseconds to the dates that stand in documents, and back."""

from datetime import datetime, timedelta, timezone
from typing import Final

__all__ = ["date_of", "ms_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND: Final = timedelta(milliseconds=1)


def date_of(time_ms: int) -> datetime:
    """Return the date of a time."""
    return _EPOCH + time_ms * _MILLISECOND


def ms_of(date: datetime) -> int:
    """Return the time of a date that was read; one without a zone is UTC, as a client may give it."""
    return (date.replace(tzinfo=timezone.utc) - _EPOCH) // _MILLISECOND
