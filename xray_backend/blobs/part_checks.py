"""What must hold before the parts of an upload become a blob."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Protocol

from xray_backend.blobs.base import UploadTerms
from xray_backend.blobs.part_writer import CHUNK_BYTES
from xray_backend.blobs.upload_folder import UploadFolder
from xray_backend.errors import BadRequest

__all__ = ["check_bytes", "check_etags", "held_to", "not_as_announced"]


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def held_to(terms: UploadTerms, recorded: tuple[int | None, str | None]) -> UploadTerms:
    """Return the terms with what the record says of the bytes. Raises `BadRequest` if it says something else."""
    size_bytes, sha256 = recorded
    if (size_bytes is not None and terms.size_bytes not in (None, size_bytes)) or (
        sha256 is not None and terms.sha256 not in (None, sha256)
    ):
        raise BadRequest("This `dataId` was announced before with another `sizeBytes` or `sha256`; use a new one.")
    announced = size_bytes if terms.size_bytes is None else terms.size_bytes
    return replace(terms, size_bytes=announced, sha256=terms.sha256 or sha256)


def not_as_announced() -> BadRequest:
    """Return what a client is told whose upload came to nothing."""
    return BadRequest("The whole is not what was announced: its bytes or its SHA-256 differ; upload it again.")


def check_etags(count: int, noted: Mapping[int, str], given: Mapping[int, str]) -> None:
    """Hold what the client says of its parts against what is there. Raises `BadRequest` if they differ."""
    for number in sorted(given):
        if not 1 <= number <= count:
            raise BadRequest(f"The upload has {count} parts; there is no part {number}.")
    for number in range(1, count + 1):
        if number not in noted:
            raise BadRequest(f"Part {number} has not been uploaded.")
        if number not in given:
            raise BadRequest(f"Part {number} is not named; all {count} parts must be.")
        if given[number].strip('"') != noted[number].strip('"'):
            raise BadRequest(f"The `etag` of part {number} is not the one that its upload was answered with.")


def check_bytes(folder: UploadFolder, file: IO[bytes], sha256: str | None) -> None:
    """Read the whole once, and hold it against its SHA-256, or against the notes where none was announced.

    Raises `BadRequest` if it differs; then the upload is gone.
    """
    if sha256 is not None:
        right = _digest(file, folder.announced.plan.size_bytes, hashlib.sha256()) == sha256
    else:
        right = all(_is_as_noted(folder, file, number, etag) for number, etag in sorted(folder.etags().items()))
    if not right:
        folder.remove()
        raise not_as_announced()


def _is_as_noted(folder: UploadFolder, file: IO[bytes], part_number: int, etag: str) -> bool:
    length = folder.announced.plan.length(part_number)
    return f'"{_digest(file, length, hashlib.md5(usedforsecurity=False))}"' == etag


def _digest(file: IO[bytes], size_bytes: int, digest: _Digest) -> str:
    """Read on from where the file stands; a file that ends too early has another digest."""
    left = size_bytes
    while left and (chunk := file.read(min(left, CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()
