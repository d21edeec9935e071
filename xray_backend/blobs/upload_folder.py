"""One upload in parts as it lies on disk: what was announced, the bytes so far, a note for each part that is whole.

The bytes are one file, in which each part is written in its place. A part counts from the moment its note is there,
which is written once the part is durable. So whatever moment a kill or a power cut chooses, what is noted is there.
Once the bytes have left for their name as a blob, the folder stays for a while, to tell that the upload was completed.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from xray_backend.blobs.folders import make_folder, private, synchronise, write_whole
from xray_backend.blobs.part_plan import PartPlan

__all__ = ["Announced", "UploadFolder"]

_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_ANNOUNCED = "announced.json"
_BYTES = "bytes"
_NOTE = "part-"
_GONE = "gone-"


class Announced(msgspec.Struct, frozen=True):
    """What an upload began with, and must keep to."""

    data_path: str
    sha256: str | None
    plan: PartPlan


class UploadFolder:
    """Reads and writes the state of one upload; every method raises `OSError` if the disk says no."""

    def __init__(self, path: Path, announced: Announced) -> None:
        self.announced = announced
        self._path = path

    @classmethod
    def make(cls, uploads: Path, announced: Announced) -> "UploadFolder":
        """Begin an upload; durable on return."""
        path = make_folder(make_folder(uploads) / secrets.token_hex(16))
        with open(path / _BYTES, "xb", opener=private):
            pass
        write_whole(path, _ANNOUNCED, msgspec.json.encode(announced))
        synchronise(uploads)
        synchronise(uploads.parent)  # which may have had no uploads before
        return cls(path, announced)

    @classmethod
    def find(cls, uploads: Path, upload_id: str) -> "UploadFolder | None":
        """Return an upload, completed or not; None if there is none of this id."""
        if not _UPLOAD_ID.fullmatch(upload_id):
            return None
        path = uploads / upload_id
        try:
            with open(path / _ANNOUNCED, "rb", opener=private) as file:
                return cls(path, msgspec.json.decode(file.read(), type=Announced))
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    @classmethod
    def remove_leftovers(cls, uploads: Path) -> None:
        """Remove what is left of the uploads that were removed when the process ended."""
        for path in uploads.glob(f"{_GONE}*"):
            shutil.rmtree(path, ignore_errors=True)

    @classmethod
    def all(cls, uploads: Path) -> "Iterator[UploadFolder]":
        """Find every upload; what is none, since its beginning broke off, stands for an upload of no data path."""
        for path in uploads.iterdir():
            if not path.name.startswith(_GONE):
                yield cls.find(uploads, path.name) or cls(path, Announced("", None, PartPlan(0, 1)))

    @property
    def changed_at_seconds(self) -> float:
        """Tell when a part came last, or somebody went on with the upload."""
        return self._path.stat().st_mtime

    @property
    def upload_id(self) -> str:
        """Return the id under which the upload is found."""
        return self._path.name

    @property
    def bytes_path(self) -> Path:
        """Return where the bytes lie until they are complete."""
        return self._path / _BYTES

    @property
    def is_completed(self) -> bool:
        """Tell whether the bytes have left, and not the whole upload with them."""
        return not os.path.lexists(self.bytes_path) and os.path.lexists(self._path / _ANNOUNCED)

    def touch(self) -> None:
        """Note that somebody goes on with this upload."""
        os.utime(self._path)

    def etags(self) -> dict[int, str]:
        """Return the ETag of each part that is there, by its number."""
        names = [path.name for path in self._path.iterdir() if path.name.startswith(_NOTE)]
        found = {number: self.etag(number) for number in sorted(int(name.removeprefix(_NOTE)) for name in names)}
        return {number: etag for number, etag in found.items() if etag is not None}

    def etag(self, part_number: int) -> str | None:
        """Return the ETag of a part; None if it is not there."""
        try:
            return self._note(part_number).read_text("ascii")
        except FileNotFoundError:
            return None

    def note(self, part_number: int, etag: str) -> None:
        """Count a part whose bytes are durable."""
        write_whole(self._path, self._note(part_number).name, etag.encode("ascii"))

    def forget(self, part_number: int) -> None:
        """Count a part no longer; durable on return, so that its bytes may be written over."""
        self._note(part_number).unlink(missing_ok=True)
        synchronise(self._path)

    def remove(self) -> None:
        """Give the upload up."""
        _remove(self._path)

    @contextmanager
    def opened(self, *, alone: bool) -> Iterator[IO[bytes]]:
        """Open the bytes: together with others that write their parts, or alone, when nothing may change.

        Raises `BlockingIOError` if others have them open so that it cannot be, `FileNotFoundError` if they have left.
        The lock ends with the process, whatever ends that.
        """
        with open(self.bytes_path, "r+b", opener=private) as file:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(file.fileno()), os.lstat(self.bytes_path)):
                raise FileNotFoundError(self.bytes_path)  # they left between opening and locking
            yield file

    def _note(self, part_number: int) -> Path:
        return self._path / f"{_NOTE}{part_number}"


def _remove(path: Path) -> None:
    """Take the name away first: an upload that lost some of its files must not be found."""
    gone = path.with_name(f"{_GONE}{secrets.token_hex(16)}")
    os.rename(path, gone)
    shutil.rmtree(gone, ignore_errors=True)
