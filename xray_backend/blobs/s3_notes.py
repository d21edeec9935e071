"""What an upload in parts began with, kept in the bucket: S3 itself tells it of an upload only when it is complete.

Beside the blobs, below `.uploads/`: no project has an id that begins with a dot. Every process of every server finds it
there, and a restart loses nothing.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

from xray_backend.blobs.part_plan import PartPlan
from xray_backend.blobs.s3_bucket import S3Bucket, Stored

__all__ = ["UPLOADS", "Note", "Notes"]

UPLOADS: Final = ".uploads/"
_NOTE: Final = "note"
_BYTES: Final = "bytes"
_UPLOAD_ID: Final = re.compile(r"[0-9a-f]{32}")


class Note(msgspec.Struct, frozen=True):
    """One upload. Its parts become an object of its own, which is checked before it becomes the blob."""

    data_path: str
    upload_id: str
    s3_upload_id: str
    sha256: str | None
    plan: PartPlan
    is_completed: bool = False


class Notes:
    """Reads and writes them; every method blocks, and raises `Unavailable` if S3 is away."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket

    def new_upload_id(self) -> str:
        """Return an id that nobody guesses."""
        return secrets.token_hex(16)

    def bytes_key(self, data_path: str, upload_id: str) -> str:
        """Return where the parts go."""
        return self._bucket.url.key(f"{UPLOADS}{data_path}/{upload_id}/{_BYTES}")

    def write(self, note: Note) -> None:
        """Write a note, or write it again, which makes it young; durable on return."""
        self._bucket.write(self._key(note.data_path, note.upload_id), msgspec.json.encode(note))

    def find(self, data_path: str, upload_id: str) -> Note | None:
        """Return the note of an upload; None if there is none of this id."""
        if not _UPLOAD_ID.fullmatch(upload_id):
            return None
        return self.beside(self._key(data_path, upload_id))

    def beside(self, key: str) -> Note | None:
        """Return the note that lies at a key, or beside it; None if there is none that can be read."""
        content = self._bucket.read(f"{key.rpartition('/')[0]}/{_NOTE}")
        try:
            return None if content is None else msgspec.json.decode(content, type=Note)
        except msgspec.DecodeError:
            return None

    def forget(self, note: Note) -> None:
        """Remove the bytes, if there are any, and then the note; durable on return."""
        self._bucket.delete([self.bytes_key(note.data_path, note.upload_id)])
        self._bucket.delete([self._key(note.data_path, note.upload_id)])

    def pages(self) -> Iterator[list[Stored]]:
        """Return all notes and bytes, a page at a time."""
        return self._bucket.pages(self._bucket.url.key(UPLOADS))

    def first_of(self, project_id: str, limit: int) -> tuple[list[Stored], bool]:
        """Return the first notes and bytes of a project, and whether these are all."""
        return self._bucket.first(self._bucket.url.key(f"{UPLOADS}{project_id}/"), limit)

    def _key(self, data_path: str, upload_id: str) -> str:
        return self._bucket.url.key(f"{UPLOADS}{data_path}/{upload_id}/{_NOTE}")
