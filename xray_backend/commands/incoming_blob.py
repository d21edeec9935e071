"""A blob that comes in lines: gathered in a file beside, then stored as an upload is."""

import base64
import binascii
import tempfile
from typing import IO
from urllib.parse import parse_qsl, urlsplit

import msgspec

from xray_backend.blobs.base import UploadTerms
from xray_backend.blobs.files import FileBlobStore
from xray_backend.errors import BadRequest
from xray_backend.ids import is_valid_client_id

__all__ = ["IncomingBlob"]


class _Piece(msgspec.Struct, rename="camel"):
    data_id: str
    offset: int
    content: str
    last: bool
    sha256: str | None = None


class IncomingBlob:
    """Takes the pieces of one blob after the other."""

    def __init__(self, project_id: str, blobs: FileBlobStore) -> None:
        self._project_id = project_id
        self._blobs = blobs
        self._data_id = ""
        self._file: IO[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether a blob has begun, and not ended."""
        return self._file is not None

    def take(self, line: bytes) -> bool:
        """Take a piece; true if a new blob is stored with it.

        Raises `BadRequest` if it does not follow the one before, or an `ApiError` as `FileBlobStore.put` does.
        """
        try:
            piece = msgspec.json.decode(line, type=_Piece)
            content = base64.b64decode(piece.content, validate=True)
        except (msgspec.DecodeError, binascii.Error) as error:
            self.give_up()
            raise BadRequest(f"The piece of a blob cannot be read ({error}).") from None
        file = self._follow(piece)
        file.write(content)
        if not piece.last:
            return False
        try:
            return self._store(file, piece.sha256)
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Forget what came of a blob that does not end."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _follow(self, piece: _Piece) -> IO[bytes]:
        if self._file is None or piece.offset == 0:
            self.give_up()
            self._file, self._data_id = tempfile.TemporaryFile(), piece.data_id  # noqa: SIM115 - `give_up` closes it
        if (self._data_id, self._file.tell()) != (piece.data_id, piece.offset) or not is_valid_client_id(piece.data_id):
            self.give_up()
            raise BadRequest("The piece of a blob does not follow the one before it.")
        return self._file

    def _store(self, file: IO[bytes], sha256: str | None) -> bool:
        """Store it where its record is, unless it is there already."""
        data_path = f"{self._project_id}/{self._data_id}"
        if self._blobs.exists(data_path):
            return False
        terms = UploadTerms(size_bytes=file.tell(), sha256=sha256)
        file.seek(0)
        arguments = dict(parse_qsl(urlsplit(self._blobs.presign_put(data_path, terms)).query))
        self._blobs.put(data_path, arguments, None, file)
        return True
