"""Uploads in parts to this server: begun, gone on with after any interruption, checked and completed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from xray_backend.blobs.base import PartsUpload, UploadPart, UploadTerms
from xray_backend.blobs.folders import confirm_name, disk_errors, take_name
from xray_backend.blobs.part_checks import check_bytes, check_etags, held_to
from xray_backend.blobs.part_plan import plan_parts
from xray_backend.blobs.part_writer import PartWriter, Readable
from xray_backend.blobs.signing import UrlSigner
from xray_backend.blobs.upload_folder import Announced, UploadFolder
from xray_backend.errors import BadRequest, Conflict, NotFound, Unavailable

__all__ = ["WAS_DELETED", "PartUploads"]

WAS_DELETED = "This value was deleted; its bytes are not stored again."
_UPLOADS = ".uploads"  # no id begins with a dot, so no project has this name
_UNKNOWN = "This value has no such upload that could go on; begin a new one, without `uploadId`."
_IN_USE = "A part of this upload is still arriving, or it is being completed; try again."


class PartUploads:
    """Keeps all that it knows on disk, so that any process of the server goes on where another ended."""

    def __init__(
        self, root: Path, signer: UrlSigner, record_of: Callable[[str], tuple[int | None, str | None] | None]
    ) -> None:
        self._root = root
        self._uploads = root / _UPLOADS
        self._signer = signer
        self._record_of = record_of

    def begin(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        """Begin another upload, which has nothing to do with those before."""
        if not terms.size_bytes:
            raise BadRequest("An upload in parts needs `sizeBytes`.")
        announced = Announced(data_path, terms.sha256, plan_parts(terms.size_bytes))
        with disk_errors():
            folder = UploadFolder.make(self._uploads, announced)
        return self._shown(folder, {})

    def resume(self, data_path: str, upload_id: str, terms: UploadTerms) -> PartsUpload:
        """Return what is there, and URLs for the rest."""
        folder = self._found(data_path, upload_id)
        announced = folder.announced
        if terms.size_bytes not in (None, announced.plan.size_bytes) or terms.sha256 not in (None, announced.sha256):
            raise BadRequest("The upload of this `uploadId` began with another `sizeBytes` or `sha256`.")
        with _while_it_is_there():
            folder.touch()
            etags = folder.etags()
        if folder.is_completed:
            raise NotFound(_UNKNOWN)
        return self._shown(folder, etags)

    def put(self, data_path: str, part_number: str, arguments: Mapping[str, str], body: Readable) -> str:
        """Store the part that a signed PUT brings; durable on return. Returns its ETag.

        Raises `Forbidden` if the URL does not allow it, `NotFound` if the upload is completed or gone, `Conflict` if
        the value was deleted, `BadRequest` if the body has another length, `Unavailable` if it cannot be kept.
        """
        signed = self._signer.check("PUT", _part_path(data_path, part_number), arguments)
        folder = self._found(data_path, signed["uploadId"])
        if self._record_of(data_path) is None:
            raise Conflict(WAS_DELETED)
        with _while_it_is_there(), folder.opened(alone=False) as file:
            return PartWriter(folder, file, int(part_number)).write(body)

    def complete(self, data_path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Check the parts and the whole, and give the bytes their name."""
        folder = self._found(data_path, upload_id)
        recorded = self._record_of(data_path)
        if recorded is None:
            raise NotFound(_UNKNOWN)
        announced = folder.announced
        terms = held_to(UploadTerms(size_bytes=announced.plan.size_bytes, sha256=announced.sha256), recorded)
        with _while_it_is_there():
            try:
                self._complete(folder, etags, terms.sha256)
            except FileNotFoundError:
                if not folder.is_completed:
                    raise
                confirm_name(self._root, folder.announced.data_path)

    def sweep(self, still_since_seconds: float) -> Iterator[int]:
        """Remove the uploads that nobody goes on with, and those of values that were deleted, one by one."""
        try:
            UploadFolder.remove_leftovers(self._uploads)
            for folder in UploadFolder.all(self._uploads):
                yield self._sweep_one(folder, still_since_seconds)
        except FileNotFoundError:  # there were no uploads yet
            return

    def _sweep_one(self, folder: UploadFolder, still_since_seconds: float) -> int:
        data_path = folder.announced.data_path
        with suppress(OSError):  # it ended meanwhile, or cannot be removed now
            if folder.changed_at_seconds < still_since_seconds or (data_path and self._record_of(data_path) is None):
                folder.remove()
                return 1
        return 0

    def _found(self, data_path: str, upload_id: str) -> UploadFolder:
        with disk_errors():
            folder = UploadFolder.find(self._uploads, upload_id)
        if folder is None or folder.announced.data_path != data_path:
            raise NotFound(_UNKNOWN)
        return folder

    def _shown(self, folder: UploadFolder, etags: Mapping[int, str]) -> PartsUpload:
        plan = folder.announced.plan
        parts = [
            UploadPart(number, etag=etags[number])
            if number in etags
            else UploadPart(number, presigned_url=self._url(folder, number))
            for number in range(1, plan.count + 1)
        ]
        return PartsUpload(folder.upload_id, plan.part_size_bytes, parts)

    def _url(self, folder: UploadFolder, part_number: int) -> str:
        announced = folder.announced
        terms = {"uploadId": folder.upload_id, "size": str(announced.plan.length(part_number))}
        return self._signer.sign("PUT", _part_path(announced.data_path, str(part_number)), terms)

    def _complete(self, folder: UploadFolder, etags: Mapping[int, str], sha256: str | None) -> None:
        with folder.opened(alone=True) as file:
            folder.touch()
            check_etags(folder.announced.plan.count, folder.etags(), etags)
            check_bytes(folder, file, sha256)
            take_name(self._root, folder.bytes_path, folder.announced.data_path)


def _part_path(data_path: str, part_number: str) -> str:
    return f"/blobs/{data_path}/parts/{part_number}"


@contextmanager
def _while_it_is_there() -> Iterator[None]:
    """Raise what an upload that ended meanwhile, or that is in use, means to a client."""
    with disk_errors():
        try:
            yield
        except FileNotFoundError:
            raise NotFound(_UNKNOWN) from None
        except BlockingIOError:
            raise Unavailable(_IN_USE) from None
