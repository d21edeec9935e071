"""Blobs as files, `{projectId}/{dataId}` under one directory, through URLs that this server signs itself."""

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from xray_backend.blobs.base import BlobStore, PartsUpload, Recorded, UploadTerms
from xray_backend.blobs.data_path import checked
from xray_backend.blobs.folders import (
    blob_files,
    disk_errors,
    empty_folder,
    make_folder,
    open_folder,
    private,
    remove_files,
    take_name,
)
from xray_backend.blobs.orphans import Orphans
from xray_backend.blobs.part_checks import held_to
from xray_backend.blobs.part_uploads import WAS_DELETED, PartUploads
from xray_backend.blobs.part_writer import CHUNK_BYTES, Readable
from xray_backend.blobs.signing import UrlSigner
from xray_backend.errors import BadRequest, Conflict, NotFound, TooLarge

__all__ = ["FileBlobStore", "OpenBlob"]

ABANDONED_SECONDS = 24 * 60 * 60  # a laptop that was closed in the evening goes on in the morning
_INCOMING = ".incoming"  # no id begins with a dot, so no project has this name


@dataclass(frozen=True)
class OpenBlob:
    """A blob that is being read."""

    file: IO[bytes]
    size_bytes: int
    etag: str
    """Stands for these bytes: others that take their place have another."""

    terms: Mapping[str, str]
    """What the URL signed: `name`, `type`."""


class FileBlobStore(BlobStore):
    """Keeps blobs whole: an upload is written beside, checked, synchronised, and then takes its name at once."""

    def __init__(
        self,
        root: Path,
        signer: UrlSigner,
        recorded: Recorded,
        *,
        max_blob_bytes: int,
        abandoned_seconds: float = ABANDONED_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._signer = signer
        self._recorded = recorded
        self._max_blob_bytes = max_blob_bytes
        self._abandoned_seconds = abandoned_seconds
        self._clock = clock
        self._uploads = PartUploads(root, signer, self._record_of)

    def presign_put(self, data_path: str, terms: UploadTerms) -> str:
        """Return a URL for one PUT."""
        checked(data_path)
        signed = {"type": terms.content_type, "size": terms.size_bytes, "sha256": terms.sha256}
        return self._signer.sign(
            "PUT", f"/blobs/{data_path}", {name: str(value) for name, value in signed.items() if value is not None}
        )

    def presign_get(self, data_path: str, *, file_name: str, content_type: str | None) -> str:
        """Return a URL that a browser opens."""
        checked(data_path)
        terms = {"name": file_name} | ({"type": content_type} if content_type is not None else {})
        return self._signer.sign("GET", f"/blobs/{data_path}", terms)

    def put(self, data_path: str, arguments: Mapping[str, str], content_type: str | None, body: Readable) -> None:
        """Store what a signed PUT brings; the file is whole and on disk on return, or not there.

        Raises `Forbidden` if the URL does not allow it, `Conflict` if the value was deleted, `BadRequest` if the bytes
        are not those that were announced, `TooLarge` if there are too many, `Unavailable` if they cannot be kept.
        """
        signed = self._signer.check("PUT", f"/blobs/{data_path}", arguments)
        terms = UploadTerms(
            content_type=signed.get("type"),
            size_bytes=int(signed["size"]) if "size" in signed else None,
            sha256=signed.get("sha256"),
        )
        if terms.content_type is not None and content_type != terms.content_type:
            raise BadRequest(f"The content type must be {terms.content_type}, as it was announced.")
        recorded = self._record_of(data_path)
        if recorded is None:
            raise Conflict(WAS_DELETED)
        terms = held_to(terms, recorded)
        with disk_errors():
            self._receive(checked(data_path), body, terms)
        if self._was_deleted_meanwhile(data_path):
            raise Conflict(WAS_DELETED)

    def get(self, data_path: str, arguments: Mapping[str, str]) -> OpenBlob:
        """Open what a signed GET names.

        Raises `Forbidden` if the URL does not allow it, `NotFound` if the bytes have not come, or were deleted.
        """
        signed = self._signer.check("GET", f"/blobs/{data_path}", arguments)
        if self._record_of(data_path) is None:
            raise NotFound("This value was deleted.")
        file = self._open(data_path)
        if file is None:
            raise NotFound("The bytes of this value have not been uploaded.")
        status = os.fstat(file.fileno())
        etag = f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'  # each upload is a new file
        return OpenBlob(file, status.st_size, etag, signed)

    def begin_upload(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        """Begin an upload in parts."""
        return self._uploads.begin(checked(data_path), terms)

    def resume_upload(self, data_path: str, upload_id: str, terms: UploadTerms) -> PartsUpload:
        """Return the parts that are there and URLs for the rest."""
        return self._uploads.resume(checked(data_path), upload_id, terms)

    def put_part(self, data_path: str, part_number: str, arguments: Mapping[str, str], body: Readable) -> str:
        """Store the part that a signed PUT brings. Returns its ETag; raises as `PartUploads.put`."""
        return self._uploads.put(data_path, part_number, arguments, body)

    def complete_upload(self, data_path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Put the parts together."""
        self._uploads.complete(checked(data_path), upload_id, etags)
        if self._was_deleted_meanwhile(data_path):
            raise NotFound(WAS_DELETED)

    def delete(self, data_paths: Sequence[str]) -> int:
        """Remove files, and make that durable once for each project."""
        by_project: dict[str, list[str]] = {}
        for data_path in data_paths:
            project_id, _, data_id = checked(data_path).partition("/")
            by_project.setdefault(project_id, []).append(data_id)
        with disk_errors():
            return sum(remove_files(self._root / project_id, names) for project_id, names in by_project.items())

    def delete_project(self, project_id: str, limit: int) -> tuple[int, bool]:
        """Remove files, and the folder when it is empty."""
        checked(f"{project_id}/x")
        with disk_errors():
            return empty_folder(self._root / project_id, limit)

    def exists(self, data_path: str) -> bool:
        """Tell whether the file is there."""
        file = self._open(data_path)
        if file is not None:
            file.close()
        return file is not None

    def sweep(self) -> Iterator[int]:
        """Remove what is abandoned: beside the blobs, in parts, and without a record."""
        still_since_seconds = self._clock() - self._abandoned_seconds
        with suppress(OSError):  # the disk is away, or does not let go of something; the next sweep goes on
            incoming = self._incoming()
            yield sum(_remove_if_still(path, still_since_seconds) for path in incoming.iterdir())
            yield from self._uploads.sweep(still_since_seconds)
            yield from self._orphans().sweep(still_since_seconds)

    def size_bytes(self) -> int:
        """Look at each file."""
        with disk_errors():
            return sum(path.stat().st_size for path in blob_files(self._root))

    def ping(self) -> None:
        """Return if files can be written."""
        with disk_errors():
            if not os.access(self._incoming(), os.W_OK | os.X_OK):
                raise PermissionError(_INCOMING)

    def _record_of(self, data_path: str) -> tuple[int | None, str | None] | None:
        project_id, _, data_id = checked(data_path).partition("/")
        return self._recorded(project_id, [data_id]).get(data_id)

    def _was_deleted_meanwhile(self, data_path: str) -> bool:
        """Tell whether the record went while the bytes came: whoever deleted it did not find these, so they go here."""
        if self._record_of(data_path) is not None:
            return False
        project_id, _, data_id = data_path.partition("/")
        with disk_errors(), suppress(FileNotFoundError):
            return self._orphans().remove(project_id, data_id)
        return True

    def _orphans(self) -> Orphans:
        return Orphans(self._root, self._incoming(), self._recorded)

    def _incoming(self) -> Path:
        return make_folder(self._root / _INCOMING)

    def _receive(self, data_path: str, body: Readable, terms: UploadTerms) -> None:
        beside = self._incoming() / f"{secrets.token_hex(16)}.part"
        try:
            with open(beside, "xb", opener=private) as file:
                self._copy(body, file, terms)
                file.flush()
                os.fsync(file.fileno())
            take_name(self._root, beside, data_path)
        finally:
            with suppress(OSError):  # it took its name, or the disk is gone
                beside.unlink()

    def _copy(self, body: Readable, file: IO[bytes], terms: UploadTerms) -> None:
        limit = self._max_blob_bytes if terms.size_bytes is None else terms.size_bytes
        digest = hashlib.sha256()
        size = 0
        while chunk := body.read(CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                break
            digest.update(chunk)
            file.write(chunk)
        if terms.size_bytes is not None and size != terms.size_bytes:
            raise BadRequest(f"The body must have {terms.size_bytes} bytes, as it was announced.")
        if size > limit:
            raise TooLarge(f"A value may have {limit} bytes at most.")
        if terms.sha256 is not None and digest.hexdigest() != terms.sha256:
            raise BadRequest("The body's SHA-256 is not the one that was announced.")

    def _open(self, data_path: str) -> IO[bytes] | None:
        project_id, _, data_id = checked(data_path).partition("/")
        with disk_errors():
            try:
                folder = open_folder(self._root / project_id)
            except FileNotFoundError:
                return None
            try:
                return open(os.open(data_id, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb")
            except FileNotFoundError:
                return None
            finally:
                os.close(folder)


def _remove_if_still(path: Path, since_seconds: float) -> bool:
    with suppress(FileNotFoundError):  # its upload is done
        if path.stat().st_mtime < since_seconds:
            path.unlink()
            return True
    return False
