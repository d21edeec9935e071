"""What every blob store must hold to, seen from a client that has nothing but its URLs."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contract.blob_stores import S3, S3_THAT_CHECKS, Announcing, Opener
from xray_backend.blobs.base import BlobStore, PartsUpload, UploadPart, UploadTerms
from xray_backend.errors import BadRequest, NotFound

LARGE_BYTES = 3_000_000
PATH = "project-1/data-1"


@pytest.fixture(params=["files", S3])
def opener(request: pytest.FixtureRequest) -> Opener:
    found: Opener = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def blobs(opener: Opener) -> Announcing:
    return opener()


@pytest.fixture(params=["files", S3_THAT_CHECKS])
def checking(request: pytest.FixtureRequest) -> Announcing:
    """A store whose server checks signatures."""
    found: Opener = request.getfixturevalue(request.param)
    return found()


def put(url: str, body: bytes, content_type: str | None = None) -> int:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return requests.put(url, data=body, headers=headers, timeout=60).status_code


def get(blobs: BlobStore, data_path: str, content_type: str | None = None) -> requests.Response:
    return requests.get(blobs.presign_get(data_path, file_name="name", content_type=content_type), timeout=60)


def test_what_was_uploaded_exists_and_is_given_back(blobs: Announcing) -> None:
    assert not blobs.exists("project-1/round")
    assert put(blobs.presign_put("project-1/round", UploadTerms()), b"\x00\xff bytes") == 200
    assert blobs.exists("project-1/round")
    assert get(blobs, "project-1/round").content == b"\x00\xff bytes"


def test_an_empty_and_a_large_blob_come_back_whole(blobs: Announcing) -> None:
    large = bytes(range(256)) * (LARGE_BYTES // 256)
    for name, content in (("empty", b""), ("large", large)):
        terms = UploadTerms(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        assert put(blobs.presign_put(f"project-1/{name}", terms), content) == 200
        assert get(blobs, f"project-1/{name}").content == content


def test_announcing_stores_nothing(blobs: Announcing) -> None:
    blobs.presign_put("project-1/announced", UploadTerms(size_bytes=5))
    assert not blobs.exists("project-1/announced")
    assert get(blobs, "project-1/announced").status_code in blobs.says_missing


def test_each_term_that_was_signed_is_held_to(checking: Announcing) -> None:
    right = UploadTerms(content_type="text/plain", size_bytes=5, sha256=hashlib.sha256(b"right").hexdigest())
    url = checking.presign_put("project-1/terms", right)
    assert put(url, b"right", "text/html") in (400, 403)
    assert put(url, b"righ", "text/plain") in (400, 403)
    assert put(url, b"wrong", "text/plain") in (400, 403)
    assert not checking.exists("project-1/terms")
    assert put(url, b"right", "text/plain") == 200
    assert checking.exists("project-1/terms")


def test_a_client_that_announced_no_content_type_may_send_any(blobs: Announcing) -> None:
    url = blobs.presign_put("project-1/any", UploadTerms())
    for content_type in (None, "text/plain", "image/png"):
        assert put(url, b"x", content_type) == 200


def test_a_url_allows_its_own_method_and_path_alone(checking: Announcing) -> None:
    to_put = checking.presign_put(PATH, UploadTerms())
    assert put(to_put, b"x") == 200
    to_get = checking.presign_get(PATH, file_name="name", content_type=None)
    assert requests.get(to_put, timeout=60).status_code == 403
    assert put(to_get, b"y") == 403
    assert put(to_put.replace("data-1", "data-2"), b"y") == 403
    assert put(to_put.replace("project-1", "project-2"), b"y") == 403
    assert requests.get(to_get.replace("data-1", "terms"), timeout=60).status_code == 403
    assert not checking.exists("project-1/data-2")
    assert not checking.exists("project-2/data-1")
    assert get(checking, PATH).content == b"x"


def test_what_a_browser_might_run_is_a_download(blobs: Announcing) -> None:
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
    with pytest.raises(BadRequest):
        blobs.delete([data_path])
    with pytest.raises(BadRequest):
        blobs.begin_upload(data_path, UploadTerms(size_bytes=1))
    with pytest.raises(BadRequest):
        blobs.resume_upload(data_path, "0" * 32, UploadTerms())
    with pytest.raises(BadRequest):
        blobs.complete_upload(data_path, "0" * 32, {1: "x"})


def test_a_store_that_works_answers(blobs: Announcing) -> None:
    blobs.ping()


def value(seed: bytes, size_bytes: int = 20_000_001) -> bytes:
    """Bytes of which no two parts are alike."""
    return hashlib.shake_128(seed).digest(size_bytes)


def terms_of(content: bytes) -> UploadTerms:
    return UploadTerms("application/x-npy", len(content), hashlib.sha256(content).hexdigest())


def begin(blobs: BlobStore, data_path: str, content: bytes) -> PartsUpload:
    upload = blobs.begin_upload(data_path, terms_of(content))
    numbers = [part.part_number for part in upload.parts]
    assert numbers == list(range(1, -(-len(content) // upload.part_size_bytes) + 1))
    return upload


def piece(upload: PartsUpload, content: bytes, part_number: int) -> bytes:
    end = part_number * upload.part_size_bytes
    return content[end - upload.part_size_bytes : end]


def id_in(upload: PartsUpload) -> str:
    """Return the upload's id as its URLs have it."""
    found = re.search("uploadId=([^&]+)", upload.parts[0].presigned_url or "")
    assert found
    return found[1]


def send(upload: PartsUpload, part: UploadPart, content: bytes) -> str:
    """Put one part of a value and return its ETag."""
    assert part.presigned_url is not None
    body = piece(upload, content, part.part_number)
    answered = requests.put(part.presigned_url, data=body, timeout=60)
    assert answered.status_code == 200, answered.text
    etag = answered.headers["ETag"]
    assert etag == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    return etag


def send_all(upload: PartsUpload, content: bytes) -> dict[int, str]:
    """Put all parts at once, the last ones first."""
    with ThreadPoolExecutor(4) as pool:
        etags = list(pool.map(lambda part: send(upload, part, content), reversed(upload.parts)))
    return dict(zip([part.part_number for part in reversed(upload.parts)], etags, strict=True))


def test_parts_that_come_at_once_and_in_any_order_become_the_blob_when_they_are_completed(blobs: Announcing) -> None:
    content = value(b"parts")
    upload = begin(blobs, "project-1/parts", content)
    assert len(upload.parts) == 3
    assert upload.part_size_bytes >= 5 * 1024 * 1024
    etags = send_all(upload, content)
    assert not blobs.exists("project-1/parts")
    blobs.complete_upload("project-1/parts", upload.upload_id, etags)
    assert blobs.exists("project-1/parts")
    assert get(blobs, "project-1/parts").content == content


def test_completing_again_succeeds_and_a_completed_upload_does_not_go_on(blobs: Announcing) -> None:
    content = value(b"again", 1000)
    upload = begin(blobs, "project-1/again", content)
    etags = send_all(upload, content)
    for _ in range(2):
        blobs.complete_upload("project-1/again", upload.upload_id, etags)
    with pytest.raises(NotFound):
        blobs.resume_upload("project-1/again", upload.upload_id, UploadTerms())
    assert put(upload.parts[0].presigned_url or "", content) in blobs.says_missing
    assert get(blobs, "project-1/again").content == content


def test_an_upload_goes_on_with_the_parts_that_are_there(opener: Opener) -> None:
    content = value(b"resumed")
    begun = begin(opener(), "project-1/resumed", content)
    etag = send(begun, begun.parts[1], content)
    resumed = opener().resume_upload("project-1/resumed", begun.upload_id, terms_of(content))
    assert (resumed.upload_id, resumed.part_size_bytes) == (begun.upload_id, begun.part_size_bytes)
    assert resumed.parts[1] == UploadPart(2, etag=etag)
    assert [part.etag for part in resumed.parts] == [None, etag, None]
    etags = {part.part_number: send(resumed, part, content) for part in resumed.parts if part.etag is None} | {2: etag}
    opener().complete_upload("project-1/resumed", begun.upload_id, etags)
    assert get(opener(), "project-1/resumed").content == content


def test_a_part_that_is_sent_again_takes_the_place_of_the_one_before(blobs: Announcing) -> None:
    wrong, right = value(b"wrong", 1000), value(b"right", 1000)
    upload = begin(blobs, "project-1/replaced", right)
    before = send(upload, upload.parts[0], wrong)
    after = send(upload, upload.parts[0], right)
    assert send(upload, upload.parts[0], right) == after
    with pytest.raises(BadRequest, match="part 1"):
        blobs.complete_upload("project-1/replaced", upload.upload_id, {1: before})
    blobs.complete_upload("project-1/replaced", upload.upload_id, {1: after})
    assert get(blobs, "project-1/replaced").content == right


def test_two_uploads_of_the_same_blob_do_not_mix(blobs: Announcing) -> None:
    one, two = value(b"one"), value(b"two")
    first, second = begin(blobs, "project-1/twice", one), begin(blobs, "project-1/twice", two)
    etags = send_all(first, one)
    send(second, second.parts[0], two)
    blobs.complete_upload("project-1/twice", first.upload_id, etags)
    assert get(blobs, "project-1/twice").content == one
    rest = {part.part_number: send(second, part, two) for part in second.parts}
    blobs.complete_upload("project-1/twice", second.upload_id, rest)
    assert get(blobs, "project-1/twice").content == two


def test_what_is_not_all_the_parts_is_refused_and_the_upload_goes_on(blobs: Announcing) -> None:
    content = value(b"missing")
    upload = begin(blobs, "project-1/missing", content)
    etags = {part.part_number: send(upload, part, content) for part in upload.parts[:2]}
    for given in (etags, etags | {3: etags[1]}, etags | {3: '"x"'}, {}):
        with pytest.raises(BadRequest):
            blobs.complete_upload("project-1/missing", upload.upload_id, given)
    etags[3] = send(upload, upload.parts[2], content)
    for given in ({1: etags[1], 3: etags[3]}, etags | {2: etags[1]}, etags | {4: etags[1]}, etags | {0: etags[1]}):
        with pytest.raises(BadRequest):
            blobs.complete_upload("project-1/missing", upload.upload_id, given)
    assert not blobs.exists("project-1/missing")
    blobs.complete_upload("project-1/missing", upload.upload_id, etags)
    assert get(blobs, "project-1/missing").content == content


def test_a_whole_that_is_not_what_was_announced_is_no_blob_and_its_upload_is_gone(blobs: Announcing) -> None:
    announced, sent = value(b"announced", 1000), value(b"sent", 1000)
    upload = begin(blobs, "project-1/other", announced)
    etags = send_all(upload, sent)
    with pytest.raises(BadRequest, match="upload it again"):
        blobs.complete_upload("project-1/other", upload.upload_id, etags)
    assert not blobs.exists("project-1/other")
    with pytest.raises(NotFound):
        blobs.complete_upload("project-1/other", upload.upload_id, etags)
    with pytest.raises(NotFound):
        blobs.resume_upload("project-1/other", upload.upload_id, UploadTerms())
    assert put(upload.parts[0].presigned_url or "", sent) in blobs.says_missing


def test_an_upload_whose_hash_was_not_announced_is_completed_too(blobs: Announcing) -> None:
    content = value(b"no hash")
    upload = blobs.begin_upload("project-1/unhashed", UploadTerms(size_bytes=len(content)))
    blobs.complete_upload("project-1/unhashed", upload.upload_id, send_all(upload, content))
    assert get(blobs, "project-1/unhashed").content == content


def test_an_upload_must_say_its_size_and_keep_to_what_it_began_with(blobs: Announcing) -> None:
    for size_bytes in (None, 0):
        with pytest.raises(BadRequest):
            blobs.begin_upload(PATH, UploadTerms(size_bytes=size_bytes))
    upload = begin(blobs, PATH, b"right")
    for other in (UploadTerms(size_bytes=6), UploadTerms(sha256="0" * 64)):
        with pytest.raises(BadRequest):
            blobs.resume_upload(PATH, upload.upload_id, other)
    assert blobs.resume_upload(PATH, upload.upload_id, UploadTerms()).upload_id == upload.upload_id


@pytest.mark.parametrize("upload_id", ["", "x", "..", "../..", "/etc", "0" * 32, "a" * 300, "\x00", "bytes", "é"])
def test_an_upload_that_is_none_is_not_found(blobs: BlobStore, upload_id: str) -> None:
    with pytest.raises(NotFound):
        blobs.resume_upload(PATH, upload_id, UploadTerms())
    with pytest.raises(NotFound):
        blobs.complete_upload(PATH, upload_id, {1: '"x"'})


def test_an_upload_belongs_to_its_own_path_alone(blobs: Announcing) -> None:
    upload = begin(blobs, "project-1/own", b"mine")
    etags = send_all(upload, b"mine")
    for other in ("project-2/own", "project-1/other-own"):
        with pytest.raises(NotFound):
            blobs.resume_upload(other, upload.upload_id, UploadTerms())
        with pytest.raises(NotFound):
            blobs.complete_upload(other, upload.upload_id, etags)
        assert not blobs.exists(other)


def test_a_parts_url_allows_this_part_of_this_length_alone(checking: Announcing) -> None:
    content = value(b"urls")
    upload, other = begin(checking, "project-1/urls", content), begin(checking, "project-1/urls", content)
    url, last = upload.parts[0].presigned_url or "", upload.parts[2].presigned_url or ""
    assert put(last, piece(upload, content, 3)[:-1]) in (400, 403)
    assert put(last, piece(upload, content, 3) + b"x") in (400, 403)
    assert put(last.replace(id_in(upload), id_in(other)), piece(upload, content, 3)) == 403
    assert put(re.sub("(/parts/|partNumber=)1", r"\g<1>2", url), piece(upload, content, 2)) == 403
    assert put(re.sub("/parts/1|partNumber=1&", "", url), piece(upload, content, 1)) == 403
    assert put(url.replace("project-1", "project-2"), piece(upload, content, 1)) == 403
    assert requests.get(url, timeout=60).status_code in (403, 405)
    for begun in (upload, other):
        resumed = checking.resume_upload("project-1/urls", begun.upload_id, UploadTerms())
        assert [part.etag for part in resumed.parts] == [None, None, None]


def test_what_is_deleted_is_gone_and_deleting_it_again_does_nothing(opener: Opener) -> None:
    blobs = opener()
    paths = [f"project-1/deleted-{number}" for number in range(3)]
    for path in paths:
        assert put(blobs.presign_put(path, UploadTerms()), b"x") == 200
    assert blobs.delete([*paths[:2], "project-1/never", "nowhere/never"]) == 2
    assert [opener().exists(path) for path in paths] == [False, False, True]
    assert get(blobs, paths[0]).status_code in blobs.says_missing
    assert blobs.delete(paths[:2]) == 0
    assert blobs.delete([]) == 0


def test_a_deleted_project_goes_in_pieces_and_no_other_with_it(opener: Opener) -> None:
    blobs = opener()
    for path in ("doomed/1", "doomed/2", "doomed/3", "doomed-not/1"):
        assert put(blobs.presign_put(path, UploadTerms()), b"x") == 200
    assert blobs.delete_project("doomed", 2) == (2, False)
    assert blobs.delete_project("doomed", 2) == (1, True)
    assert opener().delete_project("doomed", 2) == (0, True)
    assert [blobs.exists(path) for path in ("doomed/1", "doomed/3", "doomed-not/1")] == [False, False, True]
    with pytest.raises(BadRequest):
        blobs.delete_project("..", 2)


def test_urls_of_a_value_whose_record_is_gone_take_nothing_and_give_nothing(files: Opener) -> None:
    """S3 does not ask us while bytes come: there, what came too late is swept, as the next test says."""
    blobs = files()
    path = "project-1/forgotten"
    to_put = blobs.presign_put(path, UploadTerms())
    upload = begin(blobs, path, value(b"forgotten"))
    assert put(to_put, b"before") == 200
    etag = send(upload, upload.parts[0], value(b"forgotten"))
    blobs.forget(path)
    assert get(blobs, path).status_code == 404
    assert put(to_put, b"after") == 409
    assert put(upload.parts[1].presigned_url or "", piece(upload, value(b"forgotten"), 2)) == 409
    with pytest.raises(NotFound):
        blobs.complete_upload(path, upload.upload_id, {1: etag})
    assert get(blobs, path).status_code == 404


def test_a_sweep_leaves_what_has_a_record_and_removes_the_rest_with_its_uploads(opener: Opener) -> None:
    blobs = opener()
    kept, orphan = "project-1/swept-not", "project-1/swept"
    for path in (kept, orphan):
        assert put(blobs.presign_put(path, UploadTerms()), b"x") == 200
    upload = begin(blobs, orphan, value(b"swept"))
    blobs.forget(orphan)
    assert sum(opener().sweep()) >= 2
    assert (blobs.exists(kept), blobs.exists(orphan)) == (True, False)
    with pytest.raises(NotFound):
        blobs.resume_upload(orphan, upload.upload_id, UploadTerms())
