"""What `xray-backend init` does to a bucket."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.backend.blobs.bucket import Bucket
from tests.servers.fixtures import LIVE
from tests.servers.process import HOST, free_port
from xray_backend.blobs.s3_layout import prepare
from xray_backend.errors import ConfigurationError, Unavailable

ORIGINS = ["https://ui.example.org"]
keeps_rules = pytest.mark.skipif(LIVE, reason="MinIO keeps neither rule, and a test of its own says so")


def test_the_bucket_is_made_once_and_each_time_it_is_told_what_was_done(empty_place: Bucket) -> None:
    first, second = prepare(empty_place.url, ORIGINS), prepare(empty_place.url, ORIGINS)
    assert first[0] == f"The bucket {empty_place.name} was made."
    assert second[0] == f"The bucket {empty_place.name} is there."
    assert first[1:] == second[1:]
    assert empty_place.names() == []


@keeps_rules
def test_forgotten_uploads_end_and_pages_of_the_origins_may_read(empty_place: Bucket) -> None:
    for _ in range(2):
        assert prepare(empty_place.url, ORIGINS)[1:] == [
            "Uploads that nobody goes on with end after 7 days.",
            "Pages of https://ui.example.org may read blobs.",
            "This store does not hold uploads to their SHA-256: it takes other bytes of the same size.",
        ]
    client = empty_place.endpoint.client()
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=empty_place.name)["Rules"]
    assert rule["Filter"] == {"Prefix": empty_place.prefix}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    (cors,) = client.get_bucket_cors(Bucket=empty_place.name)["CORSRules"]
    assert cors["AllowedOrigins"] == ORIGINS
    assert set(cors["AllowedMethods"]) == {"GET", "HEAD"}


@keeps_rules
def test_rules_of_others_stay(bucket: Bucket) -> None:
    client = bucket.endpoint.client()
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={
            "Rules": [{"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}}]
        },
    )
    client.put_bucket_cors(
        Bucket=bucket.name,
        CORSConfiguration={
            "CORSRules": [{"ID": "theirs", "AllowedMethods": ["PUT"], "AllowedOrigins": ["https://other.example"]}]
        },
    )
    prepare(bucket.url, ORIGINS)
    prepare(bucket.url.replace("some/prefix", "another"), ORIGINS)
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert [rule["ID"] for rule in rules] == ["theirs", "xray-trace some/prefix/", "xray-trace another/"]
    assert len(client.get_bucket_cors(Bucket=bucket.name)["CORSRules"]) >= 2


def test_no_origin_may_read_where_none_is_set(empty_place: Bucket) -> None:
    assert "no CORS origins are set" in prepare(empty_place.url)[2]


@pytest.mark.live
def test_a_store_without_such_rules_is_told_of_and_does_not_fail(empty_place: Bucket) -> None:
    told = prepare(empty_place.url, ORIGINS)
    assert told[0].endswith("was made.")
    assert told[1].startswith("This store has no rule that ends forgotten uploads")
    assert told[2].startswith("This store has no CORS rules")
    assert told[3] == "Uploads are held to their size, type and SHA-256."


class Refusing(BaseHTTPRequestHandler):
    """A store with a bucket and no rules, which takes no URL whose signature holds the hash of what comes."""

    def do_HEAD(self) -> None:
        self.answer(200)

    def do_GET(self) -> None:
        kind = "CORS" if "cors" in self.path else "Lifecycle"
        self.answer(404, f"<Error><Code>NoSuch{kind}Configuration</Code></Error>")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(403 if "X-Amz-Content-Sha256" in self.path else 200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, "<DeleteResult/>")

    def answer(self, status: int, body: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_a_store_that_takes_no_hash_in_a_url_is_said_to_need_another_setting(empty_place: Bucket) -> None:
    with ThreadingHTTPServer((HOST, 0), Refusing) as http:
        threading.Thread(target=http.serve_forever).start()
        try:
            url = f"s3://bucket/?endpoint=http://{HOST}:{http.server_port}&addressing=path"
            with pytest.raises(ConfigurationError, match="add sha256=unsigned to the URL"):
                prepare(url)
            assert "sha256=unsigned" in prepare(f"{url}&sha256=unsigned")[3]
        finally:
            http.shutdown()


def test_what_a_store_cannot_do_is_not_asked_of_it(empty_place: Bucket) -> None:
    assert prepare(f"{empty_place.url}&sha256=unsigned")[3].endswith("as sha256=unsigned says.")


def test_what_cannot_be_done_is_an_error(empty_place: Bucket) -> None:
    with pytest.raises(ConfigurationError):
        prepare("s3://x")
    with pytest.raises(Unavailable):
        prepare(f"s3://bucket/?endpoint=http://{HOST}:{free_port()}")
