"""The blob stores that the contract holds for."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backend.server import Server
from tests.servers.fixtures import LIVE
from tests.servers.s3_client import S3Endpoint
from xray_backend.blobs.base import BlobStore, PartsUpload, UploadTerms
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.s3 import S3BlobStore
from xray_backend.blobs.s3_layout import prepare
from xray_backend.blobs.s3_url import parse_s3_url
from xray_backend.blobs.signing import UrlSigner
from xray_backend.store.base import Store
from xray_backend.store.records import DataRecord, EventBatch
from xray_backend.store.sqlite.store import SqliteStore

__all__ = ["S3", "S3_THAT_CHECKS", "Announcing", "Opener", "files", "s3"]

MAX_BLOB_BYTES = 30_000_000
# A store whose URLs are S3's own. moto, on which `make test` runs them, does not check signatures: MinIO does.
S3 = pytest.param("s3", marks=[pytest.mark.live] if LIVE else [])
S3_THAT_CHECKS = pytest.param("s3", marks=pytest.mark.live)


class Announcing(BlobStore):
    """Records each value before it gives out a URL for it, as the API does."""

    records: Store
    says_missing: tuple[int, ...] = (404,)

    def presign_put(self, data_path: str, terms: UploadTerms) -> str:
        url = super().presign_put(data_path, terms)  # type: ignore[safe-super]
        self._record(data_path)
        return url

    def begin_upload(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        upload = super().begin_upload(data_path, terms)  # type: ignore[safe-super]
        self._record(data_path)
        return upload

    def forget(self, data_path: str) -> None:
        """Delete the record, as deleting its trace does."""
        project_id, _, data_id = data_path.partition("/")
        self.records.delete_trace(project_id, data_id)
        piece = self.records.next_deletion(100)
        while piece is not None:
            self.records.remove(piece, 100)
            piece = self.records.next_deletion(100)

    def _record(self, data_path: str) -> None:
        project_id, _, data_id = data_path.partition("/")
        record = DataRecord(data_id, data_id, "key", {}, None, None, None, None)
        self.records.write(EventBatch(project_id, data=[record]))


class AnnouncingFiles(Announcing, FileBlobStore):
    def __init__(self, root: Path, signer: UrlSigner, records: Store) -> None:
        super().__init__(root, signer, records.recorded_data, max_blob_bytes=MAX_BLOB_BYTES, abandoned_seconds=0)
        self.records = records


class AnnouncingS3(Announcing, S3BlobStore):
    says_missing = (404,) if LIVE else (403, 404, 500)  # moto's words for what is not there

    def __init__(self, url: str, records: Store) -> None:
        super().__init__(parse_s3_url(url), records.recorded_data, abandoned_seconds=0, unrecorded_seconds=0)
        self.records = records


Opener = Callable[[], Announcing]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    """Opens the store of a real server, which serves the URLs."""
    data_dir = tmp_path_factory.mktemp("server")
    with Server(data_dir, XRAY_MAX_BLOB_BYTES=str(MAX_BLOB_BYTES)) as server:
        signer = UrlSigner(server.base_url, (data_dir / "jwt-secret").read_text())
        records = SqliteStore(data_dir / "xray.db")
        yield lambda: AnnouncingFiles(data_dir / "blobs", signer, records)
        records.close()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: S3Endpoint) -> Iterator[Opener]:
    """Opens a store in a bucket of its own."""
    url = f"s3://blobs-{secrets.token_hex(6)}/some/prefix?endpoint={s3_endpoint.url}&addressing=path"
    records = SqliteStore(tmp_path_factory.mktemp("records") / "xray.db")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_endpoint.variables.items():
            patch.setenv(name, value)
        prepare(url)
        yield lambda: AnnouncingS3(url, records)
    records.close()
