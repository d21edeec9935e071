"""BlobShelf: makes blobs of what is too large to travel inside an event."""

import hashlib
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from xray_trace.errors import FileGoneError, SpoolError, SpoolFullError
from xray_trace.events import Part
from xray_trace.export.blob_header import MAX_HEADER_BYTES, BlobHeader, reserved_header
from xray_trace.export.item import Item
from xray_trace.export.spool_name import STAGED, blob_name
from xray_trace.export.storage import StorageAdapter
from xray_trace.ids import derive_data_id, is_valid_id

__all__ = ["BlobShelf", "Write"]

Write = Callable[..., None]
"""Keeps chunks of bytes under a name, as `StorageAdapter.write`, and makes room for them where it can."""

_CHUNK_BYTES = 1024 * 1024  # one read; large enough for full disk speed, small beside the program's memory


class BlobShelf:
    """Makes blobs of staged files, and of values that lie in the journal: hashes, names and describes them."""

    def __init__(self, storage: StorageAdapter, write: Write) -> None:
        self._storage = storage
        self._write = write
        self._items: list[Item] = []
        self._staged: dict[str, str] = {}
        """The data ids that were given to staged files."""
        self._lost = 0
        self._unkept = 0

    def shelve(self, trace_id: str, part: Part) -> str | None:
        """Make a blob of the part's file or bytes and return its data id; None where the file is gone.

        The staged file stays as long as the journal: should the process die before the record is a batch, then whoever
        adopts the record must find it. Raises SpoolError if the storage fails, after which the journal can be
        packed again.
        """
        try:
            return self._shelve_file(trace_id, part, part.blob) if part.blob else self._shelve_body(trace_id, part)
        except FileGoneError:
            self._lost += 1
        except SpoolFullError:
            self._unkept += 1
        return None

    def _shelve_body(self, trace_id: str, part: Part) -> str:
        body = part.body or b""
        header = self._header(trace_id, part, hashlib.sha256(body).hexdigest(), len(body))
        name = blob_name(header.data_id)
        if not self._has(name):
            room = len(reserved_header(trace_id, part.key, part.content_type, part.metadata))
            written = self._storage.new_name(STAGED)  # a blob's own name does not say whose a half written one is
            self._write(written, header.line(room), body)
            if self._storage.publish(written, name):
                self._items.append(Item(name, is_blob=True, events=1))
            self._staged[written] = header.data_id
        return header.data_id

    def _shelve_file(self, trace_id: str, part: Part, staged: str) -> str:
        if staged in self._staged:  # it stands for several values that were the same
            return self._staged[staged]
        with self._storage.open(staged) as file:
            header_bytes = len(file.readline(MAX_HEADER_BYTES))
            sha256, size_bytes = _digest(file)
        header = self._header(trace_id, part, sha256, size_bytes)
        is_new = self._publish(staged, header, header_bytes)
        self._staged[staged] = header.data_id
        if is_new:
            self._items.append(Item(blob_name(header.data_id), is_blob=True, events=1))
        return header.data_id

    def _header(self, trace_id: str, part: Part, sha256: str, size_bytes: int) -> BlobHeader:
        return BlobHeader(
            destination=self._storage.destination,
            owner=self._storage.owner,
            data_id=self._data_id(trace_id, part, sha256),
            trace_id=trace_id,
            key=part.key,
            content_type=part.content_type,
            metadata=msgspec.Raw(part.metadata or b"{}"),
            sha256=sha256,
            size_bytes=size_bytes,
        )

    def take_items(self) -> list[Item]:
        """Return the blobs that were made since the last call."""
        items, self._items = self._items, []
        return items

    def take_unkept(self) -> int:
        """Return for how many values there was no room since the last call."""
        unkept, self._unkept = self._unkept, 0
        return unkept

    def take_lost(self) -> int:
        """Return how many values were lost since the last call, because their files were gone."""
        lost, self._lost = self._lost, 0
        return lost

    def forget_failed(self) -> None:
        """Forget what a packing that failed has met: its journal stays, and so must the staged files that it names."""
        self._lost = self._unkept = 0
        self._staged = {}

    def take_staged(self) -> list[str]:
        """Return the staged files whose blobs were made since the last call; they can go when the journal does."""
        staged, self._staged = list(self._staged), {}
        return staged

    def _publish(self, staged: str, header: BlobHeader, header_bytes: int) -> bool:
        """Make a blob of the file, or of a copy where a full disk does not let it be; tell whether there was none."""
        blob = blob_name(header.data_id)
        try:
            self._storage.patch(staged, header.line(header_bytes))
            return self._storage.publish(staged, blob)
        except FileGoneError:
            raise
        except SpoolError:
            if self._has(blob):
                return False
            content = self._storage.read(staged)[header_bytes:]
            self._storage.write(blob, msgspec.json.encode(header) + b"\n", content)
            return True

    def _has(self, name: str) -> bool:
        try:
            self._storage.size_bytes(name)
        except FileGoneError:
            return False
        return True

    def _data_id(self, trace_id: str, part: Part, sha256: str) -> str:
        if part.data_id is not None and is_valid_id(part.data_id):
            return part.data_id
        return derive_data_id(self._storage.destination, trace_id, part.content_type, sha256)


def _digest(file: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
