"""RunningNotes: says of each step that runs long that it does, and on disk what is to be told if its process dies.

No order of events leaves a note for ever, or has a finished step declared dead:

- A step is taken out of `OpenScopes` after its final record is in a journal. A look that does not find it there
  removes its note; one that is about to write it finds it gone at the next look, and removes it then.
- If the process dies before that, its journals hold the final record, or the server does. An adopter looks
  through all that the process left before it believes a note; the server keeps the first final event of a step.
- A pending record that comes behind the final one changes nothing at the server.
"""

import itertools
import math
import time
from collections.abc import Callable, Hashable

from xray_trace.clock import wall_seconds
from xray_trace.errors import QueueClosedError, SpoolError, SpoolFullError
from xray_trace.events import OpenScope, OpenScopes, Record
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.event_count import event_count
from xray_trace.export.intake import Intake
from xray_trace.export.reporter import Reporter
from xray_trace.export.running_note import RunningNote, seen_line
from xray_trace.export.spool_name import RUNNING
from xray_trace.guard import Guard
from xray_trace.stats import Stats

__all__ = ["LOOK_SECONDS", "RunningNotes"]

LOOK_SECONDS = 1.0  # so a step that hangs is told of within two seconds of its start
_MOST_AT_ONCE = 500  # new notes a look: some 50 ms of disk work; a program with more open gets the rest next time


class RunningNotes:
    """The notes of one owner of the spool; used by its background thread alone, but for `is_empty`."""

    def __init__(
        self,
        scopes: OpenScopes,
        disk: DiskStorage | None,
        intake: Intake,
        stats: Stats,
        guard: Guard,
        reporter: Reporter,
    ) -> None:
        self._scopes = scopes
        self._disk = disk
        self._intake = intake
        self._stats = stats
        self._guard = guard
        self._reporter = reporter
        self._names: dict[Hashable, list[str]] = {}
        """The notes of each step and trace that was told of, oldest first: two where a step has its own trace."""
        self._next_look = 0.0
        self._is_quiet = False
        self.is_complete = False
        """Whether all that runs long was told of."""

    def is_empty(self) -> bool:
        """Tell whether no note lies on disk."""
        return not any(self._names.values())

    def stir(self) -> None:
        """Know that something began, and look in a second; until then nobody needs to be told of more."""
        self._is_quiet = False
        self._next_look = time.monotonic() + LOOK_SECONDS

    def rest_seconds(self, ring: Callable[[], None]) -> float:
        """Return for how long there is nothing to look at; where that is for ever, `ring` is called at a start.

        So nothing wakes for an idle program, and once a second for one whose calls are short. (A thread that begins
        something at this very moment may slip through; its step is found when the background wakes to pack.)
        """
        if self._is_quiet and self._scopes.is_empty():
            self._scopes.call_at_next(ring)
            if self._scopes.is_empty():  # asked again, for what began before the call knew of it
                return math.inf
        return max(0.0, self._next_look - time.monotonic())

    def look_if_due(self) -> None:
        """Look once a second, however often this is called."""
        if time.monotonic() >= self._next_look:
            self.look()

    def look(self) -> None:
        """Remove the notes of what has ended, and write those of what has come to run long."""
        self._next_look = time.monotonic() + LOOK_SECONDS
        seen_ms = wall_seconds() * 1000  # taken first: what is found running after it has not ended before it
        self._is_quiet = self._scopes.is_empty()
        running = self._scopes.open_long()
        for key in [key for key in self._names if key not in running]:
            with self._guard.around("removing the note of what has ended"):
                self._forget(key)
        new = (key for key in running if key not in self._names)
        for key in list(itertools.islice(new, _MOST_AT_ONCE)):
            with self._guard.around("telling of what runs"):
                self._tell_of(key, running[key], seen_ms)
        self.is_complete = running.keys() <= self._names.keys()
        if self._names.keys() <= running.keys():  # else a note that could not be removed would be made newer than it is
            self._say_seen(seen_ms)

    def _forget(self, key: Hashable) -> None:
        """Remove the note; where the disk refuses, it is tried again at the next look."""
        try:
            for name in self._names[key]:
                self._on_disk.remove(name)
        except SpoolError as error:
            self._reporter.report(str(error))
        else:
            del self._names[key]

    def _tell_of(self, key: Hashable, scope: OpenScope, seen_ms: float) -> None:
        names = self._names[key] = []  # told once, even if it goes wrong
        unfinished = scope.unfinished()
        if self._disk is not None:  # else all is in memory, and would die with the process
            names += [self._disk.new_name(RUNNING) for _ in unfinished.closing]
            for name, closing in zip(names, unfinished.closing, strict=True):
                self._write(name, RunningNote(seen_ms, closing))
        if unfinished.pending is None:
            return
        if self._keep(unfinished.pending):
            unfinished.kept()
        elif names:
            values = Record(unfinished.pending.trace_id, unfinished.closing[0].event, unfinished.pending.parts)
            self._write(names[0], RunningNote(seen_ms, values))  # no other record holds them

    def _write(self, name: str, note: RunningNote) -> None:
        try:
            self._on_disk.write(name, note.encode())
        except SpoolError as error:
            self._stats.record(1)
            self._stats.drop("what was running found no room in the spool")
            self._reporter.report(f"{error}; should the process die, nobody will know what it was doing")

    def _keep(self, record: Record) -> bool:
        """Have the record sent like any other; tell whether it is kept."""
        try:
            self._intake.take(record)
        except QueueClosedError:
            return False  # shut down: the note alone tells of it
        except SpoolError as error:
            count = event_count(record)
            self._stats.record(count)
            self._stats.drop("the spool was full" if isinstance(error, SpoolFullError) else "the disk failed", count)
            return False
        self._stats.record_one()
        return True

    def _say_seen(self, seen_ms: float) -> None:
        """Write into one note when all were seen running; the latest time of an owner's notes counts for all."""
        for name in itertools.chain.from_iterable(self._names.values()):
            try:
                self._on_disk.patch(name, seen_line(seen_ms))
            except SpoolError:  # it found no room, or somebody removed it; the next one will do
                continue
            return

    @property
    def _on_disk(self) -> DiskStorage:
        assert self._disk is not None, "only notes on disk have names"
        return self._disk
