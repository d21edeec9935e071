"""What every blob store must hold to, seen from a client that has nothing but its URLs."""

import hashlib
from collections.abc import Iterator

import pytest
import requests

from tests.backend.server import Server
from xray_backend.blobs.base import BlobStore, UploadTerms
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import UrlSigner
from xray_backend.errors import BadRequest

MAX_BLOB_BYTES = 3_000_000
PATH = "project-1/data-1"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobStore]:
    """The store of a real server, which serves the URLs."""
    data_dir = tmp_path_factory.mktemp("server")
    with Server(data_dir, XRAY_MAX_BLOB_BYTES=str(MAX_BLOB_BYTES)) as server:
        signer = UrlSigner(server.base_url, (data_dir / "jwt-secret").read_text())
        yield FileBlobStore(data_dir / "blobs", signer, max_blob_bytes=MAX_BLOB_BYTES)


@pytest.fixture(params=["files"])
def blobs(request: pytest.FixtureRequest) -> BlobStore:
    found: BlobStore = request.getfixturevalue(request.param)
    return found


def put(url: str, body: bytes, content_type: str | None = None) -> int:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return requests.put(url, data=body, headers=headers, timeout=60).status_code


def get(blobs: BlobStore, data_path: str, content_type: str | None = None) -> requests.Response:
    return requests.get(blobs.presign_get(data_path, file_name="name", content_type=content_type), timeout=60)


def test_what_was_uploaded_exists_and_is_given_back(blobs: BlobStore) -> None:
    assert not blobs.exists("project-1/round")
    assert put(blobs.presign_put("project-1/round", UploadTerms()), b"\x00\xff bytes") == 200
    assert blobs.exists("project-1/round")
    assert get(blobs, "project-1/round").content == b"\x00\xff bytes"


def test_an_empty_and_a_large_blob_come_back_whole(blobs: BlobStore) -> None:
    large = bytes(range(256)) * (MAX_BLOB_BYTES // 256)
    for name, content in (("empty", b""), ("large", large)):
        terms = UploadTerms(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        assert put(blobs.presign_put(f"project-1/{name}", terms), content) == 200
        assert get(blobs, f"project-1/{name}").content == content


def test_announcing_stores_nothing(blobs: BlobStore) -> None:
    blobs.presign_put("project-1/announced", UploadTerms(size_bytes=5))
    assert not blobs.exists("project-1/announced")
    assert get(blobs, "project-1/announced").status_code == 404


def test_each_term_that_was_signed_is_held_to(blobs: BlobStore) -> None:
    right = UploadTerms(content_type="text/plain", size_bytes=5, sha256=hashlib.sha256(b"right").hexdigest())
    url = blobs.presign_put("project-1/terms", right)
    assert put(url, b"right", "text/html") in (400, 403)
    assert put(url, b"righ", "text/plain") in (400, 403)
    assert put(url, b"wrong", "text/plain") in (400, 403)
    assert not blobs.exists("project-1/terms")
    assert put(url, b"right", "text/plain") == 200
    assert blobs.exists("project-1/terms")


def test_a_client_that_announced_no_content_type_may_send_any(blobs: BlobStore) -> None:
    url = blobs.presign_put("project-1/any", UploadTerms())
    for content_type in (None, "text/plain", "image/png"):
        assert put(url, b"x", content_type) == 200


def test_a_url_allows_its_own_method_and_path_alone(blobs: BlobStore) -> None:
    to_put = blobs.presign_put(PATH, UploadTerms())
    assert put(to_put, b"x") == 200
    to_get = blobs.presign_get(PATH, file_name="name", content_type=None)
    assert requests.get(to_put, timeout=60).status_code == 403
    assert put(to_get, b"y") == 403
    assert put(to_put.replace("data-1", "data-2"), b"y") == 403
    assert put(to_put.replace("project-1", "project-2"), b"y") == 403
    assert requests.get(to_get.replace("data-1", "terms"), timeout=60).status_code == 403
    assert not blobs.exists("project-1/data-2")
    assert not blobs.exists("project-2/data-1")
    assert get(blobs, PATH).content == b"x"


def test_what_a_browser_might_run_is_a_download(blobs: BlobStore) -> None:
    assert put(blobs.presign_put(PATH, UploadTerms()), b"<script>") == 200
    for content_type in ("text/html", "image/svg+xml", "application/pdf", "text/javascript", "application/xml"):
        assert get(blobs, PATH, content_type).headers["Content-Disposition"].startswith("attachment")
    assert not get(blobs, PATH, "text/plain").headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "data_path",
    ["", "/", "project", "project/", "/data", "../x", "project/..", "project/.", "a/b/c", "project/a\x00",
     "p/" + "x" * 201, "project/.hidden", ".incoming/x", "project/a\nb", "/etc/passwd"],
)  # fmt: skip
def test_a_path_that_is_none_is_refused(blobs: BlobStore, data_path: str) -> None:
    with pytest.raises(BadRequest):
        blobs.presign_put(data_path, UploadTerms())
    with pytest.raises(BadRequest):
        blobs.presign_get(data_path, file_name="x", content_type=None)
    with pytest.raises(BadRequest):
        blobs.exists(data_path)


def test_a_store_that_works_answers(blobs: BlobStore) -> None:
    blobs.ping()
