"""A backup's file: a tar archive whose last member tells the length and SHA-256 of all others."""

import hashlib
import os
import tarfile
from io import BytesIO
from typing import IO, Final

import msgspec

from xray_backend.errors import CommandError

__all__ = ["MANIFEST", "ArchiveWriter", "Manifest", "MemberNote"]

MANIFEST: Final = "manifest.json"
FORMAT: Final = "xray-backup"
VERSION: Final = 1


class MemberNote(msgspec.Struct, frozen=True, rename="camel"):
    """What a member must be."""

    name: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, rename="camel"):
    """All members, in their order."""

    format: str
    version: int
    files: list[MemberNote]

    def check_format(self) -> None:
        """Raise `CommandError` if this program does not know the format."""
        if (self.format, self.version) != (FORMAT, VERSION):
            raise CommandError(f"The archive has the format {self.format} {self.version}, which is not known here.")


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self.digest.update(piece)
        return piece


class ArchiveWriter:
    """Writes members one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `finish` closes it
        self._notes: list[MemberNote] = []

    def add(self, name: str, source: IO[bytes]) -> None:
        """Add an open file as it is now. Raises `OSError` if it gets shorter meanwhile."""
        size = os.fstat(source.fileno()).st_size
        hashed = _Hashed(source)
        self._tar.addfile(_member(name, size), hashed)
        self._notes.append(MemberNote(name, size, hashed.digest.hexdigest()))

    def finish(self) -> None:
        """Add the list of all members; without it the archive counts as torn."""
        content = msgspec.json.encode(Manifest(FORMAT, VERSION, self._notes))
        self._tar.addfile(_member(MANIFEST, len(content)), BytesIO(content))
        self._tar.close()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member
