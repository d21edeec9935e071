"""Writing one part into its place among the bytes of an upload."""

import hashlib
import os
from typing import IO, Protocol

from xray_backend.blobs.upload_folder import UploadFolder
from xray_backend.errors import BadRequest

__all__ = ["CHUNK_BYTES", "PartWriter", "Readable"]

CHUNK_BYTES = 32 * 1024  # a thousand clients that are slow to send or to take hold 32 MiB


class Readable(Protocol):
    """A body as it arrives."""

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""


class PartWriter:
    """Writes a part and notes it.

    A part that is there already is compared while the same bytes come again, and no longer counts from the first byte
    that differs: so a client that repeats itself and breaks off takes nothing away, and half of one part over half of
    another is never taken for a part.
    """

    def __init__(self, folder: UploadFolder, file: IO[bytes], part_number: int) -> None:
        self._folder = folder
        self._file = file
        self._part_number = part_number
        self._offset = folder.announced.plan.offset(part_number)
        self._length = folder.announced.plan.length(part_number)
        self._is_noted = folder.etag(part_number) is not None

    def write(self, body: Readable) -> str:
        """Write all of it; durable on return. Returns its ETag. Raises `BadRequest` if it has another length."""
        digest = hashlib.md5(usedforsecurity=False)  # an ETag, as on S3; what proves the whole is its SHA-256
        size = 0
        while chunk := body.read(CHUNK_BYTES):
            if size + len(chunk) > self._length:
                raise self._wrong_length()
            self._place(size, chunk)
            digest.update(chunk)
            size += len(chunk)
        if size != self._length:
            raise self._wrong_length()
        etag = f'"{digest.hexdigest()}"'
        if not self._is_noted:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._folder.note(self._part_number, etag)
        return etag

    def _place(self, position: int, chunk: bytes) -> None:
        """Write a chunk, unless it is there as part of what is noted."""
        self._file.seek(self._offset + position)
        if self._is_noted and self._file.read(len(chunk)) == chunk:
            return
        if self._is_noted:
            self._folder.forget(self._part_number)
            self._is_noted = False
            self._file.seek(self._offset + position)
        self._file.write(chunk)

    def _wrong_length(self) -> BadRequest:
        return BadRequest(f"The body of this part must have {self._length} bytes.")
