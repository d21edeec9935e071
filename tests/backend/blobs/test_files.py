"""Files under one directory: nothing leaves it, and nothing is there by half."""

import io
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from xray_backend.blobs.base import UploadTerms
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import LIFETIME_SECONDS, UrlSigner
from xray_backend.errors import BadRequest, Forbidden, TooLarge, Unavailable

PATH = "project-1/data-1"
SECRET = "s" * 32


class Clock:
    def __init__(self) -> None:
        self.now_seconds = 1_768_150_521.5

    def __call__(self) -> float:
        return self.now_seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files(tmp_path: Path, clock: Clock) -> FileBlobStore:
    return FileBlobStore(tmp_path / "blobs", UrlSigner("http://h", SECRET, clock), max_blob_bytes=1000)


def arguments(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def put(files: FileBlobStore, content: bytes, terms: UploadTerms | None = None) -> None:
    files.put(PATH, arguments(files.presign_put(PATH, terms or UploadTerms())), None, io.BytesIO(content))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_blob_lies_where_its_path_says_and_only_its_owner_reads_it(files: FileBlobStore, tmp_path: Path) -> None:
    put(files, b"bytes")
    assert names(tmp_path / "blobs") == [PATH]
    assert (tmp_path / "blobs" / PATH).read_bytes() == b"bytes"
    assert (tmp_path / "blobs" / PATH).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "blobs" / "project-1").stat().st_mode & 0o777 == 0o700


def test_a_url_ends_after_an_hour(files: FileBlobStore, clock: Clock) -> None:
    given = arguments(files.presign_put(PATH, UploadTerms()))
    clock.now_seconds += LIFETIME_SECONDS - 1
    files.put(PATH, given, None, io.BytesIO(b"in time"))
    clock.now_seconds += 2
    with pytest.raises(Forbidden, match="expired"):
        files.put(PATH, given, None, io.BytesIO(b"too late"))
    file, _, _ = files.get(PATH, arguments(files.presign_get(PATH, file_name="x", content_type=None)))
    with file:
        assert file.read() == b"in time"


def test_a_url_of_a_server_with_another_secret_is_refused(files: FileBlobStore, clock: Clock) -> None:
    foreign = UrlSigner("http://h", "t" * 32, clock).sign("PUT", f"/blobs/{PATH}", {})
    with pytest.raises(Forbidden):
        files.put(PATH, arguments(foreign), None, io.BytesIO(b"x"))


class Breaking(io.BytesIO):
    """A body that breaks off after its first part."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise BadRequest("it broke off")
        return super().read(5)


def test_an_upload_that_fails_leaves_what_was_there_and_nothing_else(files: FileBlobStore, tmp_path: Path) -> None:
    put(files, b"before")
    for terms, content, refusal in (
        (UploadTerms(size_bytes=3), b"four", BadRequest),
        (UploadTerms(size_bytes=5), b"four", BadRequest),
        (UploadTerms(sha256="0" * 64), b"four", BadRequest),
        (UploadTerms(), b"x" * 1001, TooLarge),
    ):
        with pytest.raises(refusal):
            put(files, content, terms)
    with pytest.raises(BadRequest):
        files.put(PATH, arguments(files.presign_put(PATH, UploadTerms())), None, Breaking(b"x" * 100))
    assert names(tmp_path / "blobs") == [PATH]
    assert (tmp_path / "blobs" / PATH).read_bytes() == b"before"


def test_a_symbolic_link_is_never_followed(files: FileBlobStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data-1").write_bytes(b"secret")
    root = tmp_path / "blobs"
    root.mkdir()
    (root / "project-1").symlink_to(outside)
    with pytest.raises(Unavailable):
        files.exists(PATH)
    with pytest.raises(Unavailable):
        put(files, b"overwritten")
    (root / "project-1").unlink()
    (root / "project-1").mkdir()
    (root / PATH).symlink_to(outside / "data-1")
    with pytest.raises(Unavailable):
        files.exists(PATH)
    put(files, b"mine")
    assert (outside / "data-1").read_bytes() == b"secret"
    assert (root / PATH).read_bytes() == b"mine"


def test_a_directory_that_cannot_be_used_is_unavailable(files: FileBlobStore, tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("no directory")
    with pytest.raises(Unavailable):
        files.ping()
    with pytest.raises(Unavailable):
        put(files, b"x")
    with pytest.raises(Unavailable):
        files.exists(PATH)
