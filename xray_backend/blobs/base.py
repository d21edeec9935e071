"""The port to the blob store. Every implementation passes `tests/contract/test_blobs.py`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

__all__ = ["BlobStore", "UploadTerms"]


@dataclass(frozen=True)
class UploadTerms:
    """What an upload must keep to; each that is given is part of the signature."""

    content_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None


class BlobStore(ABC):
    """Bytes by `{projectId}/{dataId}`, written and read by clients through signed URLs."""

    @abstractmethod
    def presign_put(self, data_path: str, terms: UploadTerms) -> str:
        """Return a URL to which one PUT within 60 minutes stores the blob. Does not block, stores nothing."""

    @abstractmethod
    def presign_get(self, data_path: str, *, file_name: str, content_type: str | None) -> str:
        """Return a URL that a browser opens; what a browser might run is offered as a download."""

    @abstractmethod
    def exists(self, data_path: str) -> bool:
        """Tell whether the bytes have come. Raises `Unavailable` if the store is away."""

    @abstractmethod
    def ping(self) -> None:
        """Return if the store can answer. Raises `Unavailable` if it cannot."""
