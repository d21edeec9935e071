"""Writing one part into its place among the bytes of an upload."""

import hashlib
import os
from typing import IO, Protocol

from xray_backend.blobs.upload_folder import UploadFolder
from xray_backend.errors import BadRequest

__all__ = ["CHUNK_BYTES", "Readable", "write_part"]

CHUNK_BYTES = 256 * 1024  # large enough that a gigabyte takes 4,000 turns, small enough for 16 threads at once


class Readable(Protocol):
    """A body as it arrives."""

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""


def write_part(folder: UploadFolder, file: IO[bytes], part_number: int, body: Readable) -> str:
    """Write a part and note it; durable on return. Returns its ETag.

    A part that is there already is compared while the same bytes come again, and no longer counts from the first byte
    that differs: so a client that repeats itself and breaks off takes nothing away, and half of one part over half of
    another is never taken for a part. Raises `BadRequest` if the body has another length than the part.
    """
    length = folder.announced.plan.length(part_number)
    offset = folder.announced.plan.offset(part_number)
    known = folder.etag(part_number) is not None
    digest = hashlib.md5(usedforsecurity=False)  # an ETag, as on S3; what proves the whole is its SHA-256
    size = 0
    while chunk := body.read(CHUNK_BYTES):
        if size + len(chunk) > length:
            raise _wrong_length(length)
        file.seek(offset + size)
        if known and file.read(len(chunk)) != chunk:
            folder.forget(part_number)
            known = False
            file.seek(offset + size)
        if not known:
            file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    if size != length:
        raise _wrong_length(length)
    etag = f'"{digest.hexdigest()}"'
    if not known:
        file.flush()
        os.fsync(file.fileno())
        folder.note(part_number, etag)
    return etag


def _wrong_length(length: int) -> BadRequest:
    return BadRequest(f"The body of this part must have {length} bytes.")
