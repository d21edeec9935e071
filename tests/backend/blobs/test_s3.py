"""Blobs on S3: what an interruption leaves, who may go on, and what is removed when."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
import requests

from tests.backend.blobs.bucket import Bucket
from tests.servers.minio import Minio
from tests.servers.process import HOST, free_port
from xray_backend.blobs.base import PartsUpload, UploadTerms
from xray_backend.blobs.s3 import S3BlobStore
from xray_backend.blobs.s3_url import parse_s3_url
from xray_backend.errors import NotFound, Unavailable

PATH = "project-1/data-1"
CONTENT = hashlib.shake_128(b"content").digest(9_000_001)
DAY_SECONDS = 24 * 60 * 60
FORKED = """
import os, sys
from xray_backend.blobs.s3 import S3BlobStore
from xray_backend.blobs.s3_url import parse_s3_url

blobs = S3BlobStore(parse_s3_url(sys.argv[1]), lambda project_id, data_ids: {})
blobs.ping()
child = os.fork()
blobs.ping()
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""


class Clock:
    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


class Records:
    """What the database has."""

    def __init__(self) -> None:
        self.data_ids: set[str] = set()

    def __call__(self, project_id: str, data_ids: Iterable[str]) -> Mapping[str, tuple[int | None, str | None]]:
        return {data_id: (None, None) for data_id in data_ids if data_id in self.data_ids}


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def blobs(bucket: Bucket, records: Records, clock: Clock) -> S3BlobStore:
    return S3BlobStore(parse_s3_url(bucket.url), records, clock=clock)


def uploaded(blobs: S3BlobStore, content: bytes = CONTENT) -> tuple[PartsUpload, dict[int, str]]:
    terms = UploadTerms(size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    upload = blobs.begin_upload(PATH, terms)
    etags = {}
    for part in upload.parts:
        end = part.part_number * upload.part_size_bytes
        answered = requests.put(part.presigned_url or "", content[end - upload.part_size_bytes : end], timeout=60)
        etags[part.part_number] = answered.headers["ETag"]
    return upload, etags


def joined(bucket: Bucket, etags: Mapping[int, str]) -> str:
    """Do the first thing of completing, as a server did that ended right after it; returns the key of the whole."""
    client = bucket.endpoint.client()
    (found,) = client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    client.complete_multipart_upload(
        Bucket=bucket.name,
        Key=found["Key"],
        UploadId=found["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in sorted(etags.items())]},
    )
    return found["Key"]


def read(blobs: S3BlobStore, data_path: str = PATH) -> bytes:
    return requests.get(blobs.presign_get(data_path, file_name="x", content_type=None), timeout=60).content


def test_completing_goes_on_where_a_server_ended_after_the_parts_were_joined(
    blobs: S3BlobStore, bucket: Bucket
) -> None:
    upload, etags = uploaded(blobs)
    joined(bucket, etags)
    assert not blobs.exists(PATH)
    blobs.complete_upload(PATH, upload.upload_id, etags)
    assert read(blobs) == CONTENT


def test_completing_goes_on_where_a_server_ended_before_it_noted_that_all_was_done(
    blobs: S3BlobStore, bucket: Bucket
) -> None:
    upload, etags = uploaded(blobs)
    source = joined(bucket, etags)
    bucket.endpoint.client().copy_object(
        Bucket=bucket.name, Key=bucket.prefix + PATH, CopySource={"Bucket": bucket.name, "Key": source}
    )
    for _ in range(2):
        blobs.complete_upload(PATH, upload.upload_id, etags)
    assert read(blobs) == CONTENT
    assert bucket.names() == [f".uploads/{PATH}/{upload.upload_id}/note", PATH]


def test_a_completed_upload_whose_blob_is_gone_is_not_said_to_be_there(blobs: S3BlobStore) -> None:
    upload, etags = uploaded(blobs)
    blobs.complete_upload(PATH, upload.upload_id, etags)
    blobs.delete([PATH])
    with pytest.raises(NotFound):
        blobs.complete_upload(PATH, upload.upload_id, etags)


def test_a_value_may_come_before_its_record_and_is_swept_only_when_none_came_for_long(
    blobs: S3BlobStore, bucket: Bucket, records: Records, clock: Clock
) -> None:
    for name in ("early", "never"):
        assert requests.put(blobs.presign_put(f"project-1/{name}", UploadTerms()), b"x", timeout=60).ok
    foreign = f"{bucket.prefix}a/foreign/object"
    bucket.endpoint.client().put_object(Bucket=bucket.name, Key=foreign, Body=b"x")
    assert sum(blobs.sweep()) == 0
    clock.ahead_seconds = 31 * DAY_SECONDS
    assert sum(blobs.sweep()) == 0
    records.data_ids = {"early"}
    clock.ahead_seconds = 33 * DAY_SECONDS
    assert sum(blobs.sweep()) == 1
    assert bucket.names() == ["a/foreign/object", "project-1/early"]


def test_an_upload_goes_when_nobody_went_on_with_it_and_its_parts_with_it(
    blobs: S3BlobStore, bucket: Bucket, clock: Clock
) -> None:
    upload, _ = uploaded(blobs)
    clock.ahead_seconds = DAY_SECONDS - 60
    assert sum(blobs.sweep()) == 0
    assert len(blobs.resume_upload(PATH, upload.upload_id, UploadTerms()).parts) == 2
    clock.ahead_seconds = DAY_SECONDS + 60
    assert sum(blobs.sweep()) == 1
    assert (bucket.names(), bucket.unfinished()) == ([], [])
    with pytest.raises(NotFound):
        blobs.resume_upload(PATH, upload.upload_id, UploadTerms())


@pytest.mark.live  # moto says of each upload that it began in 2010
def test_an_upload_of_which_no_note_tells_goes_and_that_of_another_prefix_stays(
    blobs: S3BlobStore, bucket: Bucket, clock: Clock
) -> None:
    client = bucket.endpoint.client()
    for key in (f"{bucket.prefix}.uploads/{PATH}/id/bytes", f"{bucket.prefix}{PATH}", "another/object"):
        client.create_multipart_upload(Bucket=bucket.name, Key=key)
    assert sum(blobs.sweep()) == 0
    clock.ahead_seconds = DAY_SECONDS + 60
    assert sum(blobs.sweep()) == 2
    assert bucket.unfinished() == ["another/object"]


def test_more_values_than_one_request_takes_are_deleted(blobs: S3BlobStore, bucket: Bucket) -> None:
    names = ["project-1/first", *(f"project-1/never-{number}" for number in range(1000)), "project-1/zlast"]
    for name in (names[0], names[-1]):
        bucket.endpoint.client().put_object(Bucket=bucket.name, Key=bucket.prefix + name, Body=b"x")
    assert blobs.size_bytes() == 2
    assert blobs.delete(names) == 2
    assert bucket.names() == []


def test_a_process_that_was_forked_talks_to_s3_by_itself(bucket: Bucket) -> None:
    subprocess.run([sys.executable, "-c", FORKED, bucket.url], check=True, timeout=60)


def test_signed_urls_begin_with_the_public_endpoint(bucket: Bucket) -> None:
    public = bucket.endpoint.url.replace(HOST, "localhost")
    blobs = S3BlobStore(parse_s3_url(f"{bucket.url}&public_endpoint={public}"), Records())
    url = blobs.presign_put(PATH, UploadTerms())
    assert url.startswith(f"{public}/")
    assert requests.put(url, b"x", timeout=60).ok
    assert blobs.presign_get(PATH, file_name="x", content_type=None).startswith(f"{public}/")
    assert blobs.begin_upload(PATH, UploadTerms(size_bytes=1)).parts[0].presigned_url.startswith(f"{public}/")  # type: ignore[union-attr]
    assert blobs.exists(PATH)


@pytest.mark.live
def test_wrong_bytes_are_stored_only_where_the_url_says_that_the_store_takes_no_hash(bucket: Bucket) -> None:
    terms = UploadTerms(size_bytes=5, sha256=hashlib.sha256(b"right").hexdigest())
    signed = S3BlobStore(parse_s3_url(bucket.url), Records())
    unsigned = S3BlobStore(parse_s3_url(f"{bucket.url}&sha256=unsigned"), Records())
    assert requests.put(signed.presign_put(PATH, terms), b"wrong", timeout=60).status_code == 400
    assert requests.put(unsigned.presign_put(PATH, terms), b"wrong", timeout=60).status_code == 200


@pytest.mark.live
def test_a_url_that_has_expired_is_refused(bucket: Bucket, blobs: S3BlobStore) -> None:
    statuses = []
    for age_minutes in (59, 61):
        then = datetime.now(timezone.utc) - timedelta(minutes=age_minutes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.get_current_datetime", lambda then=then: then)
            url = blobs.presign_put(PATH, UploadTerms())
        statuses.append(requests.put(url, b"x", timeout=60).status_code)
    assert statuses == [200, 403]


def test_a_bucket_that_is_not_there_and_a_store_that_is_away_are_said_without_a_secret(
    bucket: Bucket, blobs: S3BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    missing = S3BlobStore(parse_s3_url(bucket.url.replace(bucket.name, "no-such-bucket")), Records())
    away = S3BlobStore(parse_s3_url(f"s3://bucket/?endpoint=http://{HOST}:{free_port()}"), Records())
    for store in (missing, away):
        with pytest.raises(Unavailable, match="blob store cannot be used right now") as refusal:
            store.ping()
        assert refusal.value.retry_after_seconds
    assert ["404" in caplog.messages[0], "EndpointConnectionError" in caplog.messages[1]] == [True, True]
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in caplog.text
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in repr(vars(blobs)) + repr(parse_s3_url(bucket.url))


def test_what_was_about_to_be_uploaded_goes_with_its_project_in_pieces(blobs: S3BlobStore, bucket: Bucket) -> None:
    for _ in range(3):
        uploaded(blobs)
    pieces = [blobs.delete_project("project-1", 2)]
    while not pieces[-1][1]:
        pieces.append(blobs.delete_project("project-1", 2))
    assert pieces == [(0, False), (0, True)]
    assert (bucket.names(), bucket.unfinished()) == ([], [])


@pytest.mark.live
def test_a_store_that_was_killed_is_used_again_as_soon_as_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with Minio() as server:
        for name, value in server.endpoint.variables.items():
            monkeypatch.setenv(name, value)
        bucket = Bucket.new(server.endpoint)
        bucket.endpoint.client().create_bucket(Bucket=bucket.name)
        blobs = S3BlobStore(parse_s3_url(bucket.url), Records())
        upload, etags = uploaded(blobs)
        server.kill()
        for call in (blobs.ping, lambda: blobs.complete_upload(PATH, upload.upload_id, etags)):
            with pytest.raises(Unavailable):
                call()
        server.start()
        blobs.complete_upload(PATH, upload.upload_id, etags)
        assert read(blobs) == CONTENT


@pytest.mark.parametrize(
    ("url", "beginning"),
    [
        ("s3://bucket/x?region=eu-central-1", "https://bucket.s3.eu-central-1.amazonaws.com/x/project-1/data-1?"),
        ("s3://my.bucket?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com/my.bucket/project-1/data-1?"),
        ("s3://bucket?addressing=path&region=eu-west-1", "https://s3.eu-west-1.amazonaws.com/bucket/project-1/data-1?"),
        (
            "s3://bucket/x?endpoint=http://minio:9000&public_endpoint=https://s3.example.org&addressing=virtual",
            "https://bucket.s3.example.org/x/project-1/data-1?",
        ),
    ],
)
def test_a_signed_url_leads_where_the_setting_says(url: str, beginning: str, empty_place: Bucket) -> None:
    blobs = S3BlobStore(parse_s3_url(url), Records())
    assert blobs.presign_put(PATH, UploadTerms()).startswith(beginning)
    assert blobs.presign_get(PATH, file_name="x", content_type=None).startswith(beginning)


def test_two_that_complete_an_upload_at_once_do_not_harm_each_other(blobs: S3BlobStore) -> None:
    upload, etags = uploaded(blobs)

    def complete(_: int) -> str:
        try:
            blobs.complete_upload(PATH, upload.upload_id, etags)
        except Unavailable:
            return "again"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        assert "done" in set(pool.map(complete, range(4)))
    blobs.complete_upload(PATH, upload.upload_id, etags)
    assert read(blobs) == CONTENT


def test_a_store_that_never_answers_is_waited_for_no_longer_than_the_setting(
    monkeypatch: pytest.MonkeyPatch, empty_place: Bucket
) -> None:
    monkeypatch.setattr("xray_backend.blobs.s3_bucket.READ_SECONDS", 0.1)
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        blobs = S3BlobStore(parse_s3_url(f"s3://bucket/?endpoint=http://{HOST}:{port}&addressing=path"), Records())
        with pytest.raises(Unavailable):
            blobs.exists(PATH)
