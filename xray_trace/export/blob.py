"""Blob: a large value's file on its way to the server."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import BinaryIO

import msgspec

from xray_trace.errors import FileGoneError, SpoolError
from xray_trace.export.blob_header import read_header
from xray_trace.export.storage import StorageAdapter

__all__ = ["Blob", "Slice"]

_CHUNK_BYTES = 256 * 1024  # one read; the file is in the page cache mostly, so the loop hardly waits


class Blob:
    """A blob in the spool, with the header that it has now.

    Raises SpoolError if it cannot be read, FileGoneError if it is not there.
    """

    def __init__(self, storage: StorageAdapter, name: str) -> None:
        self.name = name
        self._storage = storage
        with storage.open(name) as file:
            self.header, self._offset = read_header(file)

    def keep_upload_id(self, upload_id: str) -> None:
        """Note which upload in parts was begun; without the note it would begin anew after a restart, no more."""
        if upload_id == self.header.upload_id:
            return
        self.header = msgspec.structs.replace(self.header, upload_id=upload_id)
        try:
            self._storage.patch(self.name, self.header.line(self._offset))
        except FileGoneError:
            raise
        except SpoolError:
            return

    def slice(self, start: int, length: int) -> "Slice":
        """Open a stretch of the value's bytes."""
        return Slice(self._storage.open(self.name), self._offset + start, length)


class Slice:
    """A stretch of a file, in chunks, from its start each time it is iterated: a request may be sent twice."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self.length = length
        self._file = file
        self._start = start

    def __enter__(self) -> "Slice":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._file.seek(self._start)
        left = self.length
        while left and (chunk := self._file.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
