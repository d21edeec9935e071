"""Attempts to log in or to register, as long as they count."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from xray_backend.ids import new_object_id
from xray_backend.store.mongodb.account_documents import AttemptFields, AttemptsDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of, ms_of
from xray_backend.store.mongodb.exact import exact

__all__ = ["Attempts"]

_REMOVED_AT_ONCE: Final = 100
"""An attempt adds one document at most, so any number above that shrinks the collection; a hundred are a short call."""


class Attempts:
    """The attempts' part of the store."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def count(self, key: str, limit: int, window_seconds: int) -> bool:
        """Add an attempt unless the window is full, which one look finds out for most of a flood.

        The look and the change are two, so the change holds only for what was looked at, and else both are done again.
        Each time that happens another attempt was counted, so there are `limit` rounds at most.
        """
        window_ms = window_seconds * 1000
        while True:
            now = self._clock()
            known = self._find(key)
            if len(_times(known, now, window_ms)) >= limit:
                return False
            if self._replace(key, known, now, window_ms):
                self._remove_ended(now)
                return True

    def in_window(self, key: str, window_seconds: int) -> tuple[int, int]:
        """Return the time of the oldest attempt that counts, and how many do."""
        now = self._clock()
        times = _times(self._find(key), now, window_seconds * 1000)
        return min(times, default=now), len(times)

    def _find(self, key: str) -> Mapping[str, Any] | None:
        with self._database.translated():
            return exact(self._database, AttemptsDocument).find_one({"_id": key})

    def _replace(self, key: str, known: Mapping[str, Any] | None, now_ms: int, window_ms: int) -> bool:
        """Write the document that has one attempt more; false if another was quicker."""
        now, end = date_of(now_ms), date_of(now_ms + window_ms)
        entries = [entry for entry in _entries(known) if ms_of(entry["endsAt"]) > now_ms]
        ends = [end, *(date_of(ms_of(entry["endsAt"])) for entry in entries)]
        document = AttemptsDocument(key=key, ends_at=max(ends), revision=new_object_id()).to_mongo()
        document["attempts"] = [*entries, AttemptFields(at=now, ends_at=end).to_mongo()]
        with self._database.translated():
            attempts = exact(self._database, AttemptsDocument)
            if known is not None:
                asked = {"_id": key, "revision": known["revision"]}
                return attempts.replace_one(asked, document).matched_count > 0
            try:
                attempts.insert_one(document)
            except DuplicateKeyError:
                return False
            return True

    def _remove_ended(self, now_ms: int) -> None:
        """Remove some of what counts no more; not by a TTL index, which goes by another clock than all else here."""
        ended = {"endsAt": {"$lte": date_of(now_ms)}}
        with self._database.translated():
            attempts = exact(self._database, AttemptsDocument)
            found = [each["_id"] for each in attempts.find(ended, {"_id": True}).limit(_REMOVED_AT_ONCE)]
            if found:
                attempts.delete_many({"_id": {"$in": found}, **ended})


def _entries(known: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return () if known is None else known["attempts"]


def _times(known: Mapping[str, Any] | None, now_ms: int, window_ms: int) -> list[int]:
    """Return when the attempts were that count; up to a window ahead, since a clock may be set back."""
    times = (ms_of(entry["at"]) for entry in _entries(known))
    return [time_ms for time_ms in times if now_ms - window_ms < time_ms <= now_ms + window_ms]
