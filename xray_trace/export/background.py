"""Background: the one thread that turns what was recorded into what the server has."""

import asyncio
import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from xray_trace.errors import SpoolError
from xray_trace.export.adoption import Adopter
from xray_trace.export.batch_packer import BatchPacker
from xray_trace.export.descriptors import try_descriptors
from xray_trace.export.drop_notices import DropNotices
from xray_trace.export.item import Item
from xray_trace.export.journal import Journal, SealedJournal
from xray_trace.export.ledger import Ledger
from xray_trace.export.loading import load_module
from xray_trace.export.outbox import Outbox
from xray_trace.export.pipeline import Pipeline
from xray_trace.export.quota import Quota
from xray_trace.guard import from_signal_handler

if TYPE_CHECKING:
    from xray_trace.export.sending import Sending

__all__ = ["Background"]

_ADOPTION_SECONDS = 30.0  # what a dead process left is on its way within this time; a look costs three listings
_ADOPTING_SECONDS = 0.1  # in one go, and between two: what hundreds of dead left must not keep all else waiting
_ATTENDED_SECONDS = 0.2  # between looks while batches fill; some thousand records come meanwhile, a few journals
_RING = b"!"  # there is something to do now
_STIR = b"."  # something began that may run long
_RINGS_AT_ONCE = 4096  # bytes; more than come while the loop is busy


class Background:
    """Seals, packs, adopts, makes room, and lets the senders send; survives any error of its own."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._storage = pipeline.storage
        self._stats = pipeline.stats
        self._guard = pipeline.guard
        self._report = pipeline.reporter.report
        self._ledger = Ledger(pipeline.storage, pipeline.stats, pipeline.reporter)
        self._notes = pipeline.notes
        self._notices = DropNotices(pipeline.storage, pipeline.stats)
        self._outbox = Outbox(self._take_what_was_left)
        self._quota = Quota(pipeline.config.max_spool_bytes, pipeline.storage)
        self._packer = BatchPacker(pipeline.storage, self._make_room, pipeline.config.inline_max_bytes)
        self._adopter: Adopter | None = None
        if pipeline.disk is not None:
            # on the disk alone: what a dead process left there is safer than what memory holds
            packer = BatchPacker(pipeline.disk, self._make_room, pipeline.config.inline_max_bytes)
            self._adopter = Adopter(
                pipeline.disk,
                packer,
                pipeline.stats,
                pipeline.former.names,
                self._notices,
                pipeline.guard,
                self._report,
            )
        self._next_adoption = 0.0
        self._adopting: Iterator[list[Item]] = iter(())
        self._sending: Sending | None = None
        self._heard = asyncio.Event()
        self._is_rung = False
        self._is_busy = False
        self._flushing: set[asyncio.Task[None]] = set()

    def run(self) -> None:
        """Work until the pipeline is stopped; raises OSError at once where the program has all descriptors in use."""
        try_descriptors()
        asyncio.run(self._work(), debug=False)  # the program's PYTHONASYNCIODEBUG is about its own loops

    async def _work(self) -> None:
        hearing, ringing = socket.socketpair()
        with hearing, ringing:
            hearing.setblocking(False)
            ringing.setblocking(False)
            self._pipeline.has_begun = True
            hearer = asyncio.create_task(self._hear(hearing))
            self._pipeline.doorbell.connect(lambda: _send(ringing, _RING))
            await self._work_until_stopped(lambda: _send(ringing, _STIR))
            hearer.cancel()
            await asyncio.wait([hearer])

    async def _hear(self, hearing: socket.socket) -> None:
        while heard := await asyncio.get_running_loop().sock_recv(hearing, _RINGS_AT_ONCE):
            if _RING in heard:
                self._is_rung |= self._pipeline.doorbell.take_urgency()
            if _STIR in heard and self._notes is not None:
                self._notes.stir()
            self._heard.set()

    async def _work_until_stopped(self, stir: Callable[[], None]) -> None:
        self._look()
        self._tend()
        while not self._pipeline.is_stopping:
            await self._next_ring(stir)
            flushes = self._taken_flushes()  # before packing: one that is asked for meanwhile has more to wait for
            self._is_busy = self._pipeline.doorbell.take_nudge()
            self._pack()
            self._look()
            self._tend()
            self._answer(flushes)
        await self._end()

    async def _next_ring(self, stir: Callable[[], None]) -> None:
        """Return when rung, or after the interval; what runs long meanwhile is looked at each second.

        Once a batch is full, that is soon, and nobody needs to ring for the next one: it is packed when the burst that
        filled it is over, mostly, and not beside it.
        """
        doorbell, interval = self._pipeline.doorbell, self._pipeline.config.batch_interval_seconds
        doorbell.is_attended = self._is_busy
        due = time.monotonic() + (min(interval, _ATTENDED_SECONDS) if self._is_busy else interval)
        while not self._is_rung and (left := due - time.monotonic()) > 0:
            if not self._is_busy and doorbell.take_nudge():
                self._is_busy = doorbell.is_attended = True
                due = min(due, time.monotonic() + _ATTENDED_SECONDS)
                continue
            with contextlib.suppress(asyncio.TimeoutError):
                rest = math.inf if self._notes is None else self._notes.rest_seconds(stir)
                await asyncio.wait_for(self._heard.wait(), min(left, rest))
            self._heard.clear()
            self._look()
            self._adopt()
        self._is_rung = False

    async def _end(self) -> None:
        for task in self._flushing:
            task.cancel()
        if self._sending is not None:
            with self._guard.around("closing connections"):
                await self._sending.close()
        self._pack()
        with self._guard.around("making room in the spool"):
            if self._quota.inherited_bytes:  # or it would grow with each program that starts and ends
                self._make_room()
        if self._notes is not None:
            with self._guard.around("looking at what runs"):
                self._notes.look()
        with self._guard.around("counting what ends with us"):
            self._ledger.ended(self._outbox.kept())
        self._keep_notices()
        self._pipeline.reporter.write()

    def _look(self) -> None:
        """Look at what runs long, if it is time."""
        if self._notes is not None:
            with self._guard.around("looking at what runs"):
                self._notes.look_if_due()

    def _tend(self) -> None:
        """Do everything that is due besides packing; one part's error does not keep the next from its turn."""
        self._adopt()
        with self._guard.around("making room in the spool"):
            self._make_room()
        self._keep_notices()
        with self._guard.around("preparing the next journal"), contextlib.suppress(SpoolError):
            if not self._pipeline.is_stopping:
                self._pipeline.queue.prepare()
                self._make_room()  # for that one too: it may be long until the next look
        with self._guard.around("starting to send"):
            self._start_sending()
        with self._guard.around("writing to the log"):
            self._pipeline.reporter.write()

    def _pack(self) -> None:
        """Turn all sealed journals into batches and blobs that wait for the server."""
        with self._guard.around("sealing a journal"):
            for journal in self._pipeline.queue.collect():
                with self._guard.around("packing a journal"):
                    self._pack_one(journal)

    def _pack_one(self, journal: Journal | SealedJournal) -> None:
        packed = self._packer.pack(journal.name, journal.payloads())
        items = self._ledger.settle_journal(journal.name, packed)
        self._pipeline.queue.forget(journal)
        self._stats.record(packed.expanded + packed.damaged + packed.lost_values - packed.own_events)
        self._ledger.lost(packed.damaged, "a record could not be read")
        self._ledger.lost(packed.lost_values, "a value's file was gone from the spool")
        self._ledger.lost(packed.unkept, "the spool was full")
        self._add(items)
        self._pipeline.reporter.trace(f"packed {packed.expanded} items of {journal.name}")

    def _adopt(self) -> None:
        """Look for what dead processes left, if it is time."""
        with self._guard.around("adopting what a dead process left"):
            self._adopt_if_due()

    def _adopt_if_due(self) -> None:
        now = time.monotonic()
        if now >= self._next_adoption:
            self._next_adoption = now + _ADOPTION_SECONDS
            self._adopting = self._found_dead()
        for items in self._adopting:
            self._add(items)
            self._quota.inherit(items)
            self._pipeline.reporter.trace(f"adopted {len(items)} files of a process that is gone")
            if time.monotonic() > now + _ADOPTING_SECONDS:
                asyncio.get_running_loop().call_later(_ADOPTING_SECONDS, self._heard.set)
                return

    def _found_dead(self) -> Iterator[list[Item]]:
        """Return what the dead left, to be taken over as it is asked for."""
        if self._adopter is None or self._pipeline.disk is None:
            return iter(())
        try:
            self._pipeline.disk.renew_lock()
        except SpoolError as error:
            self._report(f"{error}; it is tried again later")
            return iter(())
        if self._notes is None or self._notes.is_complete:
            self._pipeline.former.release()
        return self._adopter.adopt(self._may_take)

    def _may_take(self, size: int) -> bool:
        """Tell whether to take over so much; what has no room at all is sent when nothing else is left to send."""
        return not self._pipeline.is_stopping and (self._quota.has_room_for(size) or self._outbox.is_empty())

    def _take_what_was_left(self) -> None:
        """Look again now for what the dead left, where the last look found more than there was room for."""
        if self._adopter is not None and self._adopter.has_left:
            self._next_adoption = 0.0
            self._heard.set()

    def _add(self, items: list[Item]) -> None:
        for item in items:
            self._outbox.add(item)

    def _make_room(self) -> bool:
        """Take the oldest out until the settings' limit is kept; tell whether anything was."""
        made_room = False
        is_away = self._sending is not None and self._sending.is_away()
        while self._quota.is_exceeded(is_away=is_away, is_last=self._pipeline.is_stopping):
            rejected = next((name for name in self._storage.names() if name.startswith("rejected/")), None)
            if rejected is not None:
                self._storage.remove(rejected)  # counted when it was rejected
            elif (oldest := self._outbox.oldest()) is not None:
                self._ledger.evicted(oldest)
                self._packer.expander.forget()  # the next that has one of its values has to bring it along
            else:
                break
            made_room = True
        return made_room

    def _start_sending(self) -> None:
        if self._sending is not None or self._outbox.is_empty():
            return
        module = load_module("xray_trace.export.sending")
        self._sending = module.Sending(
            self._pipeline.config, self._storage, self._outbox, self._ledger, self._notices, self._guard, self._report
        )

    def _keep_notices(self) -> None:
        with self._guard.around("keeping what is lost"), contextlib.suppress(SpoolError):
            self._notices.keep()

    def _taken_flushes(self) -> list[threading.Event]:
        flushes = self._pipeline.flushes
        return [flushes.popleft() for _ in range(len(flushes))]

    def _answer(self, flushes: list[threading.Event]) -> None:
        for done in flushes:
            task = asyncio.create_task(self._flush(done))
            self._flushing.add(task)
            task.add_done_callback(self._flushing.discard)

    async def _flush(self, done: threading.Event) -> None:
        try:
            if self._sending is not None:
                await self._sending.settled()
        finally:
            self._pipeline.reporter.write()
            done.set()


def _send(ringing: socket.socket, signal: bytes) -> None:
    """Wake the loop, through a socket of our own.

    `call_soon_threadsafe` would swallow each OSError, and a signal handler's TimeoutError is one too.
    """
    try:
        ringing.send(signal)
    except OSError as error:  # rung so often that the socket is full, or the loop has ended
        if from_signal_handler(error):
            raise
