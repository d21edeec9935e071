"""Files under one directory: nothing leaves it, and nothing is there by half."""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from xray_backend.blobs.base import UploadTerms
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import LIFETIME_SECONDS, UrlSigner
from xray_backend.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge, Unavailable

PATH = "project-1/data-1"
SECRET = "s" * 32
ABANDONED_SECONDS = 1000


class Clock:
    def __init__(self) -> None:
        self.now_seconds = 1_768_150_521.5

    def __call__(self) -> float:
        return self.now_seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Records:
    """The data ids that have a record: all but those that were deleted."""

    def __init__(self) -> None:
        self.deleted: set[str] = set()
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, project_id: str, data_ids: Sequence[str]) -> dict[str, tuple[None, None]]:
        found = dict.fromkeys(set(data_ids) - self.deleted, (None, None))
        self.meanwhile()
        return found


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def files(tmp_path: Path, clock: Clock, records: Records) -> FileBlobStore:
    return FileBlobStore(
        tmp_path / "blobs",
        UrlSigner("http://h", SECRET, clock),
        records,
        max_blob_bytes=1000,
        abandoned_seconds=ABANDONED_SECONDS,
        clock=clock,
    )


def arguments(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def put(files: FileBlobStore, content: bytes, terms: UploadTerms | None = None) -> None:
    files.put(PATH, arguments(files.presign_put(PATH, terms or UploadTerms())), None, io.BytesIO(content))


def get(files: FileBlobStore) -> bytes:
    with files.get(PATH, arguments(files.presign_get(PATH, file_name="x", content_type=None))).file as file:
        return file.read()


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
    assert get(files) == b"in time"


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


class Turning(io.BytesIO):
    """A body in the middle of which something else happens."""

    def __init__(self, content: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(content)
        self._meanwhile = meanwhile

    def read(self, size: int | None = -1) -> bytes:
        self._meanwhile()
        return super().read(size)


def test_a_deleted_value_neither_takes_nor_gives_bytes(files: FileBlobStore, records: Records, tmp_path: Path) -> None:
    put(files, b"before")
    records.deleted.add("data-1")
    with pytest.raises(NotFound, match="deleted"):
        get(files)
    assert files.delete([PATH, "project-1/none", "project-2/none"]) == 1
    with pytest.raises(Conflict, match="deleted"):
        put(files, b"after")
    assert names(tmp_path / "blobs") == []


def test_bytes_that_come_while_their_value_is_deleted_go_again(
    files: FileBlobStore, records: Records, tmp_path: Path
) -> None:
    def delete() -> None:
        records.deleted.add("data-1")
        files.delete([PATH])

    url = files.presign_put(PATH, UploadTerms())
    with pytest.raises(Conflict, match="deleted"):
        files.put(PATH, arguments(url), None, Turning(b"late", delete))
    assert names(tmp_path / "blobs") == []


def test_a_sweep_removes_what_has_no_record_once_it_was_still_for_long(
    files: FileBlobStore, records: Records, clock: Clock, tmp_path: Path
) -> None:
    root = tmp_path / "blobs"
    put(files, b"kept")
    for name in ("orphan-1", "orphan-2", "young"):
        (root / "project-1" / name).write_bytes(b"x")
    (root / ".incoming" / "broken-off.part").write_bytes(b"x")
    (root / "no-folder").write_bytes(b"x")
    records.deleted |= {"orphan-1", "orphan-2", "young"}
    clock.now_seconds = (root / PATH).stat().st_mtime + ABANDONED_SECONDS + 60
    os.utime(root / "project-1" / "young", (clock.now_seconds,) * 2)
    assert sum(files.sweep()) == 3
    assert names(root) == ["no-folder", PATH, "project-1/young"]


def test_a_value_that_is_announced_while_its_old_bytes_are_swept_keeps_them(
    files: FileBlobStore, records: Records, clock: Clock, tmp_path: Path
) -> None:
    put(files, b"bytes")
    records.deleted.add("data-1")
    records.meanwhile = records.deleted.clear
    clock.now_seconds = (tmp_path / "blobs" / PATH).stat().st_mtime + ABANDONED_SECONDS + 60
    assert sum(files.sweep()) == 0
    assert get(files) == b"bytes"


def test_bytes_that_are_uploaded_while_old_ones_of_the_same_name_are_swept_stay(
    files: FileBlobStore, records: Records, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "blobs" / PATH
    put(files, b"old")
    records.deleted.add("data-1")

    def upload_again() -> None:
        if not path.exists():  # its name was taken away, to be asked for once more
            path.write_bytes(b"new")

    records.meanwhile = upload_again
    clock.now_seconds = path.stat().st_mtime + ABANDONED_SECONDS + 60
    assert sum(files.sweep()) == 1
    assert names(tmp_path / "blobs") == [PATH]
    assert path.read_bytes() == b"new"


def test_a_project_is_deleted_in_pieces_of_bounded_size(files: FileBlobStore, tmp_path: Path) -> None:
    put(files, b"1")
    for name in range(4):
        (tmp_path / "blobs" / "project-1" / f"more-{name}").write_bytes(b"x")
    assert files.delete_project("project-1", 2) == (2, False)
    assert files.delete_project("project-1", 2) == (2, False)
    assert files.delete_project("project-1", 2) == (1, True)
    assert files.delete_project("project-1", 2) == (0, True)
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [".incoming"]
