"""Blobs as files, `{projectId}/{dataId}` under one directory, through URLs that this server signs itself."""

import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from xray_backend.blobs.base import BlobStore, PartsUpload, UploadTerms
from xray_backend.blobs.folders import disk_errors, make_folder, open_folder, private, take_name
from xray_backend.blobs.part_uploads import PartUploads
from xray_backend.blobs.part_writer import CHUNK_BYTES, Readable
from xray_backend.blobs.signing import UrlSigner
from xray_backend.errors import BadRequest, NotFound, TooLarge
from xray_backend.ids import is_valid_client_id

__all__ = ["FileBlobStore"]

ABANDONED_SECONDS = 60 * 60  # as long as a URL lives: nobody goes on with an upload that was still for so long
_INCOMING = ".incoming"  # no id begins with a dot, so no project has this name


class FileBlobStore(BlobStore):
    """Keeps blobs whole: an upload is written beside, checked, synchronised, and then takes its name at once."""

    def __init__(self, root: Path, signer: UrlSigner, *, max_blob_bytes: int) -> None:
        self._root = root
        self._signer = signer
        self._max_blob_bytes = max_blob_bytes
        self._uploads = PartUploads(root, signer)

    def presign_put(self, data_path: str, terms: UploadTerms) -> str:
        """Return a URL for one PUT."""
        _checked(data_path)
        signed = {"type": terms.content_type, "size": terms.size_bytes, "sha256": terms.sha256}
        return self._signer.sign(
            "PUT", f"/blobs/{data_path}", {name: str(value) for name, value in signed.items() if value is not None}
        )

    def presign_get(self, data_path: str, *, file_name: str, content_type: str | None) -> str:
        """Return a URL that a browser opens."""
        _checked(data_path)
        terms = {"name": file_name} | ({"type": content_type} if content_type is not None else {})
        return self._signer.sign("GET", f"/blobs/{data_path}", terms)

    def put(self, data_path: str, arguments: Mapping[str, str], content_type: str | None, body: Readable) -> None:
        """Store what a signed PUT brings; the file is whole and on disk on return, or not there.

        Raises `Forbidden` if the URL does not allow it, `BadRequest` if the bytes are not those that were announced,
        `TooLarge` if there are too many, `Unavailable` if they cannot be kept.
        """
        signed = self._signer.check("PUT", f"/blobs/{data_path}", arguments)
        terms = UploadTerms(
            content_type=signed.get("type"),
            size_bytes=int(signed["size"]) if "size" in signed else None,
            sha256=signed.get("sha256"),
        )
        if terms.content_type is not None and content_type != terms.content_type:
            raise BadRequest(f"The content type must be {terms.content_type}, as it was announced.")
        with disk_errors():
            self._receive(_checked(data_path), body, terms)

    def get(self, data_path: str, arguments: Mapping[str, str]) -> tuple[IO[bytes], int, dict[str, str]]:
        """Open what a signed GET names: the file, its size, the signed terms (`name`, `type`).

        Raises `Forbidden` if the URL does not allow it, `NotFound` if the bytes have not come.
        """
        signed = self._signer.check("GET", f"/blobs/{data_path}", arguments)
        file = self._open(data_path)
        if file is None:
            raise NotFound("The bytes of this value have not been uploaded.")
        return file, os.fstat(file.fileno()).st_size, signed

    def begin_upload(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        """Begin an upload in parts."""
        return self._uploads.begin(_checked(data_path), terms)

    def resume_upload(self, data_path: str, upload_id: str, terms: UploadTerms) -> PartsUpload:
        """Return the parts that are there and URLs for the rest."""
        return self._uploads.resume(_checked(data_path), upload_id, terms)

    def put_part(self, data_path: str, part_number: str, arguments: Mapping[str, str], body: Readable) -> str:
        """Store the part that a signed PUT brings. Returns its ETag; raises as `PartUploads.put`."""
        return self._uploads.put(data_path, part_number, arguments, body)

    def complete_upload(self, data_path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Put the parts together."""
        self._uploads.complete(_checked(data_path), upload_id, etags)

    def exists(self, data_path: str) -> bool:
        """Tell whether the file is there."""
        file = self._open(data_path)
        if file is not None:
            file.close()
        return file is not None

    def sweep(self) -> None:
        """Remove what uploads left behind whose process was killed; what cannot be removed waits for the next time."""
        with suppress(OSError):  # another process sweeps, or the store is away
            for part in (self._root / _INCOMING).iterdir():
                if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
                    part.unlink()
        self._uploads.sweep()

    def ping(self) -> None:
        """Return if files can be written."""
        with disk_errors():
            if not os.access(self._incoming(), os.W_OK | os.X_OK):
                raise PermissionError(_INCOMING)

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
        project_id, _, data_id = _checked(data_path).partition("/")
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


def _checked(data_path: str) -> str:
    project_id, _, data_id = data_path.partition("/")
    if not is_valid_client_id(project_id) or not is_valid_client_id(data_id):
        raise BadRequest("A data path is {projectId}/{dataId}.")
    return data_path
