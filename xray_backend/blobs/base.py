"""The port to the blob store. Every implementation passes `tests/contract/test_blobs.py`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["BlobStore", "PartsUpload", "Recorded", "UploadPart", "UploadTerms"]

Recorded: TypeAlias = Callable[[str, Sequence[str]], Mapping[str, tuple[int | None, str | None]]]
"""Tells which of a project's data ids have a record, and the size and SHA-256 in it, where it has them.

What has no record was deleted, and its bytes are not kept; or its record has not come yet, if a queue lies between.
"""


@dataclass(frozen=True)
class UploadTerms:
    """What an upload must keep to; each that is given is part of the signature."""

    content_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class UploadPart:
    """A part: either it is there, with the ETag header that its PUT answered, or there is a URL for it."""

    part_number: int
    etag: str | None = None
    presigned_url: str | None = None


@dataclass(frozen=True)
class PartsUpload:
    """An upload in parts; each has `part_size_bytes`, the last one the rest. They are numbered from 1."""

    upload_id: str
    part_size_bytes: int
    parts: Sequence[UploadPart]


class BlobStore(ABC):
    """Bytes by `{projectId}/{dataId}`, written and read by clients through signed URLs.

    Bytes that differ from what a URL signed are not stored. A store that sees them come holds them to their record too:
    it takes and gives nothing without one. A store that does not, since clients talk to S3, looks at the record where
    it completes an upload, if the record is there by then: a queue may bring it later.
    Each method raises `BadRequest` if the data path is none.
    """

    @abstractmethod
    def presign_put(self, data_path: str, terms: UploadTerms) -> str:
        """Return a URL to which one PUT within 60 minutes stores the blob; stores nothing, and asks nobody.

        The terms are what the value's record says, where it has one: whoever calls looks for that.
        """

    @abstractmethod
    def presign_get(self, data_path: str, *, file_name: str, content_type: str | None) -> str:
        """Return a URL that a browser opens; what a browser might run is offered as a download."""

    @abstractmethod
    def begin_upload(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        """Begin an upload in parts, each with a URL for one PUT within 60 minutes; the size must be among the terms.

        May block. Each call begins another upload, and none has anything to do with the others; it is durable on
        return. A part may be sent again, and then takes the place of the one before. Raises `BadRequest` if there is
        no size, `Unavailable` if the store is away.
        """

    @abstractmethod
    def resume_upload(self, data_path: str, upload_id: str, terms: UploadTerms) -> PartsUpload:
        """Return all parts of an upload: those that are durably there, and fresh URLs for the rest.

        May block; changes nothing. Raises `NotFound` if this data path has no such upload that could go on,
        `BadRequest` if a size or a hash is given and is not the one that it began with, `Unavailable` if the store is
        away.
        """

    @abstractmethod
    def complete_upload(self, data_path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Put the parts together; the blob is whole, checked and durable on return, or not there.

        `etags` has every part's ETag by its number. May block for as long as it takes to read the blob once. Idempotent
        for a day at least. Raises `BadRequest` if a part is missing or another one is there than is named, or if the
        whole is not what was announced: then the upload is gone. Raises `NotFound` if this data path has no such
        upload, `Unavailable` if the store is away or a part is still arriving.
        """

    @abstractmethod
    def delete(self, data_paths: Sequence[str]) -> int:
        """Remove blobs; returns how many there were. May block; durable on return; idempotent.

        Raises `Unavailable` if the store is away.
        """

    @abstractmethod
    def delete_project(self, project_id: str, limit: int) -> tuple[int, bool]:
        """Remove at most `limit` blobs of a project. Returns how many, and whether none is left. As `delete`."""

    @abstractmethod
    def sweep(self) -> Iterator[int]:
        """Remove what uploads left behind that nobody goes on with, and blobs that have no record.

        Both only when they have not changed for as long as the store was told. Works as the iterator is read, which
        tells after each small piece how many blobs and uploads went; may be given up between two. What cannot be
        removed waits for the next time.
        """

    @abstractmethod
    def exists(self, data_path: str) -> bool:
        """Tell whether the bytes have come. Raises `Unavailable` if the store is away."""

    @abstractmethod
    def size_bytes(self) -> int:
        """Add up the sizes of all blobs. May block for as long as it takes to list them.

        Raises `Unavailable` if the store is away.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return if the store can answer. Raises `Unavailable` if it cannot."""
