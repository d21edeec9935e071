"""Uploads in parts on disk: what two requests do to each other, what a break leaves, and what is removed when."""

import hashlib
import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from xray_backend.blobs.base import PartsUpload, UploadPart, UploadTerms
from xray_backend.blobs.part_plan import MAX_PARTS, plan_parts
from xray_backend.blobs.part_uploads import PartUploads
from xray_backend.blobs.part_writer import CHUNK_BYTES
from xray_backend.blobs.signing import LIFETIME_SECONDS, UrlSigner
from xray_backend.errors import BadRequest, Conflict, Forbidden, NotFound, Unavailable

PATH = "project-1/data-1"
OLD = b"o" * (2 * CHUNK_BYTES)
ABANDONED_SECONDS = 1000
NEW = b"o" * CHUNK_BYTES + b"n" * CHUNK_BYTES


class Clock:
    def __init__(self) -> None:
        self.now_seconds = time.time()

    def __call__(self) -> float:
        return self.now_seconds


class Body(io.BytesIO):
    """A body that does something else when its first chunk was read."""

    def __init__(self, content: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(content)
        self._meanwhile = meanwhile

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == CHUNK_BYTES:
            self._meanwhile()
        return super().read(size)


def break_off() -> None:
    raise BadRequest("it broke off")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deleted() -> set[str]:
    """The data paths whose records are gone."""
    return set()


@pytest.fixture
def uploads(tmp_path: Path, clock: Clock, deleted: set[str]) -> PartUploads:
    signer = UrlSigner("http://h", "s" * 32, clock)
    return PartUploads(tmp_path, signer, lambda data_path: None if data_path in deleted else (None, None))


def begin(uploads: PartUploads, content: bytes, *, hashed: bool = True) -> PartsUpload:
    sha256 = hashlib.sha256(content).hexdigest() if hashed else None
    return uploads.begin(PATH, UploadTerms(size_bytes=len(content), sha256=sha256))


def put(uploads: PartUploads, part: UploadPart, body: io.BytesIO) -> str:
    assert part.presigned_url is not None
    return uploads.put(PATH, str(part.part_number), dict(parse_qsl(urlsplit(part.presigned_url).query)), body)


def is_there(uploads: PartUploads, upload: PartsUpload) -> bool:
    return uploads.resume(PATH, upload.upload_id, UploadTerms()).parts[0].etag is not None


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("size_bytes", [1, 5 * 2**20, 8 * 2**20, 8 * 2**20 + 1, 2**30, 80 * 10**9, 2**40])
def test_a_value_of_any_size_is_cut_as_s3_asks(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)
    assert plan.count <= MAX_PARTS
    assert plan.part_size_bytes >= 5 * 2**20
    lengths = [plan.length(number) for number in range(1, plan.count + 1)]
    assert sum(lengths) == size_bytes
    assert set(lengths[:-1]) <= {plan.part_size_bytes}
    assert 0 < lengths[-1] <= plan.part_size_bytes


def test_a_parts_url_ends_after_an_hour(uploads: PartUploads, clock: Clock) -> None:
    upload = begin(uploads, OLD)
    clock.now_seconds += LIFETIME_SECONDS + 2
    with pytest.raises(Forbidden, match="expired"):
        put(uploads, upload.parts[0], io.BytesIO(OLD))


def test_a_part_that_breaks_off_is_not_there(uploads: PartUploads) -> None:
    upload = begin(uploads, OLD)
    with pytest.raises(BadRequest, match="broke off"):
        put(uploads, upload.parts[0], Body(OLD, break_off))
    assert not is_there(uploads, upload)


def test_a_part_stays_when_it_is_sent_again_and_breaks_off(uploads: PartUploads) -> None:
    upload = begin(uploads, OLD)
    put(uploads, upload.parts[0], io.BytesIO(OLD))
    with pytest.raises(BadRequest, match="broke off"):
        put(uploads, upload.parts[0], Body(OLD, break_off))
    assert is_there(uploads, upload)


def test_half_of_one_part_over_half_of_another_is_no_part(uploads: PartUploads) -> None:
    upload = begin(uploads, NEW)
    put(uploads, upload.parts[0], io.BytesIO(OLD))
    with pytest.raises(BadRequest, match="broke off"):
        put(uploads, upload.parts[0], Body(NEW[::-1], break_off))
    assert not is_there(uploads, upload)
    etag = put(uploads, upload.parts[0], io.BytesIO(NEW))
    uploads.complete(PATH, upload.upload_id, {1: etag})


def test_an_upload_is_not_completed_while_a_part_is_arriving_nor_changed_when_it_is(
    uploads: PartUploads, tmp_path: Path
) -> None:
    upload = begin(uploads, NEW)
    etag = put(uploads, upload.parts[0], io.BytesIO(NEW))
    refused: list[str] = []

    def complete() -> None:
        with pytest.raises(Unavailable, match="still arriving") as caught:
            uploads.complete(PATH, upload.upload_id, {1: etag})
        refused.append(str(caught.value))

    put(uploads, upload.parts[0], Body(NEW, complete))
    assert len(refused) == 1
    uploads.complete(PATH, upload.upload_id, {1: etag})
    with pytest.raises(NotFound):
        put(uploads, upload.parts[0], io.BytesIO(OLD))
    assert (tmp_path / PATH).read_bytes() == NEW


@pytest.mark.parametrize("hashed", [True, False])
def test_one_part_that_comes_twice_at_once_with_other_bytes_never_becomes_a_mixture(
    uploads: PartUploads, tmp_path: Path, hashed: bool
) -> None:
    upload = begin(uploads, NEW, hashed=hashed)
    other = b"x" * len(NEW)
    etags = [put(uploads, upload.parts[0], Body(NEW, lambda: put(uploads, upload.parts[0], io.BytesIO(other))))]
    with pytest.raises(BadRequest, match="upload it again"):
        uploads.complete(PATH, upload.upload_id, {1: etags[0]})
    assert not (tmp_path / PATH).exists()
    with pytest.raises(NotFound):
        uploads.resume(PATH, upload.upload_id, UploadTerms())


def sweep(uploads: PartUploads, clock: Clock) -> int:
    return sum(uploads.sweep(clock() - ABANDONED_SECONDS))


def test_a_part_that_arrives_while_its_upload_is_given_up_is_refused(uploads: PartUploads, clock: Clock) -> None:
    upload = begin(uploads, NEW)

    def give_up() -> None:
        clock.now_seconds += ABANDONED_SECONDS + 60
        assert sweep(uploads, clock) == 1

    with pytest.raises(NotFound):
        put(uploads, upload.parts[0], Body(NEW, give_up))


def test_what_was_still_for_long_is_removed_and_a_blob_is_not(
    uploads: PartUploads, clock: Clock, tmp_path: Path
) -> None:
    assert sweep(uploads, clock) == 0
    done, abandoned, resumed = begin(uploads, OLD), begin(uploads, OLD), begin(uploads, OLD)
    uploads.complete(PATH, done.upload_id, {1: put(uploads, done.parts[0], io.BytesIO(OLD))})
    put(uploads, abandoned.parts[0], io.BytesIO(OLD))
    folder = tmp_path / ".uploads"
    (folder / ("f" * 32)).mkdir()  # whose beginning broke off
    for name in names(folder):
        os.utime(folder / name, (clock() - ABANDONED_SECONDS - 60,) * 2)
    uploads.resume(PATH, resumed.upload_id, UploadTerms())
    assert sweep(uploads, clock) == 3
    assert names(folder) == [resumed.upload_id]
    assert (tmp_path / PATH).read_bytes() == OLD


def test_an_upload_of_a_deleted_value_takes_nothing_more_and_is_removed_at_the_next_sweep(
    uploads: PartUploads, clock: Clock, deleted: set[str], tmp_path: Path
) -> None:
    upload = begin(uploads, OLD)
    etag = put(uploads, upload.parts[0], io.BytesIO(OLD))
    deleted.add(PATH)
    with pytest.raises(Conflict, match="was deleted"):
        put(uploads, upload.parts[0], io.BytesIO(NEW))
    with pytest.raises(NotFound):
        uploads.complete(PATH, upload.upload_id, {1: etag})
    assert not (tmp_path / PATH).exists()
    assert sweep(uploads, clock) == 1
    assert names(tmp_path / ".uploads") == []


def test_what_was_removed_by_half_is_removed_by_the_next_sweep(uploads: PartUploads, tmp_path: Path) -> None:
    upload = begin(uploads, OLD)
    folder = tmp_path / ".uploads"
    (folder / upload.upload_id).rename(folder / "gone-half")
    (folder / "gone-half" / "announced.json").unlink()
    assert list(uploads.sweep(0)) == []
    assert names(folder) == []


def test_uploads_are_their_owners_alone_and_no_link_is_followed(uploads: PartUploads, tmp_path: Path) -> None:
    upload = begin(uploads, OLD)
    folder = tmp_path / ".uploads" / upload.upload_id
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    (folder / "bytes").unlink()
    (folder / "bytes").symlink_to(outside)
    with pytest.raises(Unavailable):
        put(uploads, upload.parts[0], io.BytesIO(OLD))
    with suppress(NotFound, Unavailable):
        uploads.complete(PATH, upload.upload_id, {1: '"x"'})
    assert outside.read_bytes() == b"untouched"
    assert not (tmp_path / PATH).exists()
