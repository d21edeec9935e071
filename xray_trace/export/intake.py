"""Intake: what the caller's thread does to a record before `put` may return."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import msgspec

from xray_trace.capture.shape import without_body
from xray_trace.errors import QueueClosedError, SpoolError
from xray_trace.events import ContentStream, LateValue, Part, Record, encode_record
from xray_trace.export.batch_queue import BatchQueue
from xray_trace.export.blob_header import reserved_header
from xray_trace.export.spool_name import LATE, STAGED
from xray_trace.export.storage import StorageAdapter
from xray_trace.export.worker_pool import LateJob, WorkerPool
from xray_trace.ids import new_id
from xray_trace.stats import Stats

__all__ = ["STAGED_ABOVE_BYTES", "Intake", "LateNotice"]


STAGED_ABOVE_BYTES = 256 * 1024
"""What is larger is put into a file of its own at once; making one takes as long as copying so much into a journal."""

_SHARE_TAKEN = 0.8  # of the storage's limit, which is a quarter above that of the settings
_SHARE_UNATTENDED = 0.4  # half of the settings' limit: large values fill it before they are a batch by their count


class LateNotice(msgspec.Struct, rename="camel", frozen=True):
    """What a late value's file tells whoever finds it after the process has died."""

    trace_id: str
    data_id: str
    key: str


class Intake:
    """Puts large values into files first and the record that names them into the journal second.

    So a record never names what is not there. Everything raises SpoolError if there is no room.
    """

    def __init__(
        self,
        storage: StorageAdapter,
        batch_queue: BatchQueue,
        stats: Stats,
        inline_max_bytes: int,
        workers: int,
        ask_for_room: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._put = batch_queue.put
        self._stats = stats
        self._inline_max_bytes = inline_max_bytes
        self._ask_for_room = ask_for_room
        self.pool = WorkerPool(workers, self._take_late, self._lose_late)

    def take(self, record: Record, is_small: bool = False) -> None:
        """Keep the record; counting its own event is the caller's part. `is_small`: see `Sink.put`."""
        if not is_small and _has_large_part(record):
            return self._take_large(record)
        try:
            payload = encode_record(record)
        except UnicodeEncodeError:  # half a surrogate pair in a key
            payload = encode_record(_without_surrogates(record))
        if is_small and len(payload) > STAGED_ABOVE_BYTES:
            return self.take(record)
        return self._put(payload)

    def _take_large(self, record: Record) -> None:
        record, lost = self._with_large_parts_staged(record)
        try:
            if lost:
                self.take(Record(record.trace_id, b"", lost))
            self.take(record)  # the last that may fail, so that a record is kept once or not at all
        except SpoolError:
            self._take_back(record)
            raise
        for _ in lost:  # only now: of a record that is not kept, whoever counts it counts all
            self._count_lost("a value found no room in the spool")

    def put_off(self, value: LateValue) -> None:
        """Announce the value and have it encoded; raises QueueClosedError if nothing is taken any more."""
        job = LateJob(value, self._announce(value))
        try:
            self.pool.submit(job)
        except QueueClosedError:
            self._withdraw(job)
            raise

    def _take_back(self, record: Record) -> None:
        """Remove the files of a record that is not kept: nobody would ask for them, but the quota count them."""
        for part in record.parts:
            if part.blob is not None:
                self._storage.remove(part.blob)

    def _with_large_parts_staged(self, record: Record) -> tuple[Record, list[Part]]:
        parts: list[Part] = []
        lost: list[Part] = []
        staged: list[Part] = []
        for part in record.parts:
            if part.body is None or len(part.body) <= STAGED_ABOVE_BYTES:
                parts.append(part)
                continue
            try:
                parts.append(self._stage(record.trace_id, part, staged))
            except SpoolError as error:
                data_id = part.data_id or new_id()
                parts.append(without_body(part, data_id=data_id))
                lost.append(_lost_part(data_id, part.key, str(error)))
        return Record(record.trace_id, record.event, parts), lost

    def _stage(self, trace_id: str, part: Part, staged: list[Part]) -> Part:
        """Put the value into a file; what goes in and comes out unchanged shares one."""
        for other in staged:
            if other.content_type == part.content_type and other.body == part.body:
                return without_body(part, blob=other.blob)
        name = self._storage.new_name(STAGED)
        header = reserved_header(trace_id, part.key, part.content_type, part.metadata)
        self._ask_for_room_above(_SHARE_UNATTENDED)
        self._storage.write(name, header, part.body or b"")
        if part.data_id is None:
            staged.append(msgspec.structs.replace(part, blob=name))
        return without_body(part, blob=name)

    def _announce(self, value: LateValue) -> str | None:
        name = self._storage.new_name(LATE)
        notice = LateNotice(value.trace_id, value.data_id, value.key.encode("utf-8", "replace").decode())
        try:
            self._storage.write(name, msgspec.json.encode(notice))
        except SpoolError:
            return None
        return name

    def _take_late(self, job: LateJob, stream: ContentStream) -> None:
        """Keep a late value: inside a record if it turns out small, else in a file that a record names."""
        try:
            part = self._part_of(job.value, stream)
            self._keep_or_take_back(Record(job.value.trace_id, b"", [part]))
        except QueueClosedError:
            return  # shut down meanwhile; the file that announced it tells the next start
        except SpoolError as error:
            self._lose_late(job, str(error), "a value found no room in the spool")
            return
        self._withdraw(job)

    def _part_of(self, value: LateValue, stream: ContentStream) -> Part:
        part = Part(value.key, None, stream.content_type, None, b"", value.metadata, value.data_id, listed=False)
        head: list[bytes] = []
        for chunk in stream.chunks:
            head.append(chunk)
            if sum(map(len, head)) > self._inline_max_bytes:
                break
        else:
            return msgspec.structs.replace(part, body=b"".join(head))
        name = self._storage.new_name(STAGED)
        header = reserved_header(value.trace_id, part.key, part.content_type, part.metadata)
        self._storage.write_stream(name, self._making_room(itertools.chain([header, *head], stream.chunks)))
        return msgspec.structs.replace(part, blob=name)

    def _making_room(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks; where they come near the limit, what is older has to go while there still is room."""
        for chunk in chunks:
            self._ask_for_room_above(_SHARE_TAKEN)
            yield chunk

    def _ask_for_room_above(self, share: float) -> None:
        if self._storage.used_bytes > self._storage.limit_bytes * share:
            self._ask_for_room()

    def _keep_or_take_back(self, record: Record) -> None:
        try:
            self.take(record)
        except SpoolError:
            self._take_back(record)
            raise

    def _lose_late(self, job: LateJob, sentence: str, reason: str) -> None:
        part = _lost_part(job.value.data_id, job.value.key, sentence)
        try:
            self.take(Record(job.value.trace_id, b"", [part]))
        except QueueClosedError:
            return  # as above
        except SpoolError:
            pass  # nothing but the count tells of it then
        self._count_lost(reason)
        self._withdraw(job)

    def _withdraw(self, job: LateJob) -> None:
        if job.placeholder is not None:
            self._storage.remove(job.placeholder)

    def _count_lost(self, reason: str) -> None:
        self._stats.record(1)
        self._stats.drop(reason)


def _has_large_part(record: Record) -> bool:
    return any(part.body is not None and len(part.body) > STAGED_ABOVE_BYTES for part in record.parts)


def _lost_part(data_id: str, key: str, sentence: str) -> Part:
    metadata = msgspec.json.encode({"lost": sentence})
    return Part(key, None, "", None, b"", metadata, data_id, listed=False)


def _without_surrogates(record: Record) -> Record:
    parts = [msgspec.structs.replace(part, key=part.key.encode("utf-8", "replace").decode()) for part in record.parts]
    return Record(record.trace_id, record.event, parts)
