"""DeadNotes: what a dead process was doing, told by the notes that it left."""

from collections.abc import Iterator

import msgspec

from xray_trace.events import Record, encode_record
from xray_trace.export.batch import validated_events
from xray_trace.export.running_note import EndOf, RunningNote, closed_at, end_of
from xray_trace.export.spool_name import SpoolName
from xray_trace.export.storage import StorageAdapter

__all__ = ["DeadNotes"]

_NOTES_AT_ONCE = 100  # as many as the records of a usual journal


class DeadNotes:
    """The notes of one dead process, and the batches in which it may have left the ends of what they tell of."""

    def __init__(self, storage: StorageAdapter, names: list[SpoolName], batches: list[SpoolName]) -> None:
        self.damaged = 0
        """Notes that could not be read."""
        self._storage = storage
        self._notes = [(name, note) for name in names if (note := self._read(str(name))) is not None]
        self._ended = self._ends(batches) if self._notes else set()

    def closings(self) -> Iterator[tuple[list[SpoolName], list[bytes]]]:
        """Yield the records that close what did not end, as a journal's, and the notes that they come from.

        The first of these notes names the batches. Should it be done again after a crash, what was closed is found
        in them; and the first note that was not is another one than before, or the same in the same place: so
        nothing in them is written over by anything else.
        """
        notes = [(name, closing) for name, closing in self._latest_first() if self._is_first_end(closing)]
        for start in range(0, len(notes), _NOTES_AT_ONCE):
            chunk = notes[start : start + _NOTES_AT_ONCE]
            yield [name for name, _ in chunk], [encode_record(closing) for _, closing in chunk]

    def _latest_first(self) -> list[tuple[SpoolName, Record]]:
        """Return the closing records, with the time when the note's owner last found all that it noted running.

        Of a trace that did end, unknown to its note, the end is later than that, and so it wins at the server.
        """
        seen: dict[str, float] = {}
        for name, note in self._notes:
            seen[name.owner] = max(note.seen_ms, seen.get(name.owner, 0.0))
        latest_first = sorted(self._notes, key=lambda entry: -seen[entry[0].owner])
        return [(name, closed_at(note.closing, seen[name.owner])) for name, note in latest_first]

    def _is_first_end(self, closing: Record) -> bool:
        """Tell whether nothing else ends it, another owner's note of the same step included."""
        end = end_of(closing.event)
        is_first = end not in self._ended
        self._ended.add(end)
        return is_first

    def _read(self, name: str) -> RunningNote | None:
        try:
            return RunningNote.decode(self._storage.read(name))
        except (ValueError, msgspec.MsgspecError):
            self.damaged += 1
            return None

    def _ends(self, batches: list[SpoolName]) -> set[EndOf | None]:
        events = (event for batch in batches for event in validated_events(self._storage.read(str(batch)))[0])
        return {end_of(event) for event in events} - {None}
