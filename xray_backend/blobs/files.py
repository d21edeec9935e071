"""Blobs as files, `{projectId}/{dataId}` under one directory, through URLs that this server signs itself."""

import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from xray_backend.blobs.base import BlobStore, UploadTerms
from xray_backend.blobs.signing import UrlSigner
from xray_backend.errors import BadRequest, NotFound, TooLarge, Unavailable
from xray_backend.ids import is_valid_client_id

__all__ = ["FileBlobStore", "Readable"]

CHUNK_BYTES = 256 * 1024  # large enough that a gigabyte takes 4,000 turns, small enough for 16 threads at once
ABANDONED_SECONDS = 60 * 60  # as long as a URL lives: nobody goes on with an upload that was still for so long
_INCOMING = ".incoming"  # no id begins with a dot, so no project has this name
_AWAY = "The blob store cannot be used right now; try again later."


class Readable(Protocol):
    """A body as it arrives."""

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""


class FileBlobStore(BlobStore):
    """Keeps blobs whole: an upload is written beside, checked, synchronised, and then takes its name at once."""

    def __init__(self, root: Path, signer: UrlSigner, *, max_blob_bytes: int) -> None:
        self._root = root
        self._signer = signer
        self._max_blob_bytes = max_blob_bytes

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
        project_id, data_id = _checked(data_path)
        try:
            self._receive(project_id, data_id, body, terms)
        except OSError:
            raise Unavailable(_AWAY) from None

    def get(self, data_path: str, arguments: Mapping[str, str]) -> tuple[IO[bytes], int, dict[str, str]]:
        """Open what a signed GET names: the file, its size, the signed terms (`name`, `type`).

        Raises `Forbidden` if the URL does not allow it, `NotFound` if the bytes have not come.
        """
        signed = self._signer.check("GET", f"/blobs/{data_path}", arguments)
        file = self._open(data_path)
        if file is None:
            raise NotFound("The bytes of this value have not been uploaded.")
        return file, os.fstat(file.fileno()).st_size, signed

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

    def ping(self) -> None:
        """Return if files can be written."""
        if not os.access(self._incoming(), os.W_OK | os.X_OK):
            raise Unavailable(_AWAY)

    def _incoming(self) -> Path:
        folder = self._root / _INCOMING
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            raise Unavailable(_AWAY) from None
        return folder

    def _receive(self, project_id: str, data_id: str, body: Readable, terms: UploadTerms) -> None:
        beside = self._incoming() / f"{secrets.token_hex(16)}.part"
        try:
            with open(beside, "xb", opener=_private) as file:
                self._copy(body, file, terms)
                file.flush()
                os.fsync(file.fileno())
            self._take_name(beside, project_id, data_id)
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

    def _take_name(self, beside: Path, project_id: str, data_id: str) -> None:
        (self._root / project_id).mkdir(mode=0o700, exist_ok=True)
        folder = _open_folder(self._root / project_id)
        try:
            os.replace(beside, data_id, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)
        _synchronise(self._root)  # the project's folder itself may be new

    def _open(self, data_path: str) -> IO[bytes] | None:
        project_id, data_id = _checked(data_path)
        try:
            folder = _open_folder(self._root / project_id)
        except FileNotFoundError:
            return None
        except OSError:
            raise Unavailable(_AWAY) from None
        try:
            return open(os.open(data_id, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb")
        except FileNotFoundError:
            return None
        except OSError:
            raise Unavailable(_AWAY) from None
        finally:
            os.close(folder)


def _checked(data_path: str) -> tuple[str, str]:
    project_id, _, data_id = data_path.partition("/")
    if not is_valid_client_id(project_id) or not is_valid_client_id(data_id):
        raise BadRequest("A data path is {projectId}/{dataId}.")
    return project_id, data_id


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _open_folder(path: Path) -> int:
    """Open a folder itself, never what a symbolic link in its place points to."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _synchronise(folder: Path) -> None:
    descriptor = _open_folder(folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
