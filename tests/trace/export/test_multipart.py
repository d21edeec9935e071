"""Values over 5 MiB: sent in parts, and gone on with whoever was killed in between."""

import json
import os
import threading

import msgspec
import pytest

from tests.trace.export.bench import assert_adds_up, part, step, wait_until
from tests.trace.export.scripted_server import Reply
from tests.trace.export.scripted_uploads import PART_BYTES
from xray_trace.export.blob import Blob
from xray_trace.export.blob_header import BlobHeader
from xray_trace.export.memory_storage import MemoryStorage
from xray_trace.export.place import read_place

BODY = os.urandom(2 * PART_BYTES + 1000)


def puts(server) -> list[int]:
    """The numbers of the parts that were sent, in the order in which they came."""
    return [int(request.path.rsplit("/", 1)[1]) for request in server.requests if request.path.startswith("/parts/")]


def presigns(server) -> list[dict]:
    return [request.json() for request in server.posts("/api/v1/presign")]


def test_a_value_over_five_mebibytes_goes_in_parts_without_the_key(bench, server):
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    result = exporter.flush(30)
    assert (result.delivered, result.pending, result.dropped) == (2, 0, {})
    assert list(server.uploads.whole.values()) == [BODY]
    assert sorted(puts(server)) == [1, 2, 3]
    sent = [request for request in server.requests if request.path.startswith("/parts/")]
    assert not any("x-api-key" in request.headers for request in sent)
    assert sorted(len(request.body) for request in sent) == [1000, PART_BYTES, PART_BYTES]
    (complete,) = server.posts("/api/v1/presign/complete")
    assert complete.headers["x-api-key"] == "key-1"
    assert [entry["partNumber"] for entry in complete.json()["parts"]] == [1, 2, 3]
    exporter.shutdown(5)
    assert bench.files() == []
    assert_adds_up(stats)


def test_no_more_than_four_parts_of_all_values_are_on_their_way_at_a_time(bench, server):
    server.uploads.part_bytes = 1024 * 1024
    here, most, lock = 0, 0, threading.Lock()
    all_four = threading.Barrier(4)

    def count() -> None:
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        all_four.wait(20)
        with lock:
            here -= 1

    server.put.extend(Reply(body=b"", before=count) for _ in range(12))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(os.urandom(6 * 1024 * 1024), "a"), part(os.urandom(6 * 1024 * 1024), "b")))
    assert exporter.flush(30).pending == 0
    assert (most, all_four.broken) == (4, False)


def test_only_the_parts_that_are_missing_are_sent_again(bench, server):
    server.put.append(Reply(500))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    assert exporter.flush(30).pending == 0
    assert list(server.uploads.whole.values()) == [BODY]
    assert (len(puts(server)), sorted(set(puts(server)))) == (4, [1, 2, 3])
    assert [item.get("uploadId") for item in presigns(server)] == [None, "upload-1"]


def test_the_upload_is_on_disk_before_its_first_part_goes(bench, server):
    seen: list[str] = []

    def look() -> None:
        (path,) = (bench.spool_dir / "data").glob("*.data.bin")
        with path.open("rb") as file:
            seen.append(json.loads(file.readline())["uploadId"])

    server.put.append(Reply(body=b"", before=look))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    assert exporter.flush(30).pending == 0
    assert seen == ["upload-1"]


def test_an_upload_that_the_server_has_forgotten_begins_anew(bench, server):
    server.put.append(Reply(500, before=server.uploads.open.clear))
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    assert exporter.flush(30).pending == 0
    assert list(server.uploads.whole.values()) == [BODY]
    assert [item.get("uploadId") for item in presigns(server)] == [None, "upload-1", None]
    assert_adds_up(stats)


def test_a_whole_that_is_refused_is_sent_anew_once(bench, server):
    server.complete.append(Reply(400, b'{"error":"the bytes are not those that were announced; upload it again"}'))
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    result = exporter.flush(30)
    assert (result.delivered, result.pending, result.dropped) == (2, 0, {})
    assert sorted(puts(server)) == [1, 1, 2, 2, 3, 3]
    assert [item.get("uploadId") for item in presigns(server)] == [None, None]
    assert_adds_up(stats)


def test_a_whole_that_is_refused_again_is_set_aside(bench, server):
    refusal = Reply(400, b'{"error":"the bytes are not those that were announced; upload it again"}')
    server.complete.extend([refusal, refusal])
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    result = exporter.flush(30)
    assert (result.delivered, result.pending, result.dropped) == (1, 0, {"rejected by the server": 1})
    (name,) = bench.files("rejected/*")
    assert (bench.spool_dir / name).read_bytes().endswith(BODY)
    assert_adds_up(stats)


def test_a_completion_whose_answer_was_lost_is_asked_for_again_without_sending_a_part(bench, server):
    server.complete.append(Reply(503))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(BODY)))
    assert exporter.flush(30).pending == 0
    assert sorted(puts(server)) == [1, 2, 3]
    assert len(server.posts("/api/v1/presign/complete")) == 2


def test_a_program_that_is_killed_in_the_middle_is_gone_on_for_by_part(bench, server):
    gate = threading.Event()
    server.put.extend([Reply(body=b"")] * 3)
    server.put.extend(Reply(500, before=lambda: gate.wait(60)) for _ in range(4))
    program = bench.program(
        """
        exporter.put(step("s1", part(b"0123456789" * 3_000_000)))
        exporter.flush(60)
        """
    )
    wait_until(lambda: server.uploads.open and len(server.uploads.open["upload-1"].parts) == 3)
    program.kill()
    program.communicate()
    gate.set()
    server.put.clear()
    there = set(server.uploads.open["upload-1"].parts)
    server.requests.clear()
    exporter, stats = bench.exporter()
    exporter.resume()
    assert exporter.flush(30).pending == 0
    assert sorted(puts(server)) == sorted(set(range(1, 7)) - there)
    assert list(server.uploads.whole.values()) == [b"0123456789" * 3_000_000]
    assert stats.snapshot().adopted == stats.snapshot().delivered


def test_a_header_without_room_for_an_upload_does_not_stop_it():
    storage = MemoryStorage("destination", 1_000_000)
    header = BlobHeader("destination", "owner", "data", "trace", "key", "text/plain", msgspec.Raw(b"{}"), "00", 5)
    line = header.line(len(msgspec.json.encode(header)) + 1)
    storage.write("blob", line, b"value")
    blob = Blob(storage, "blob")
    blob.keep_upload_id("upload-1")
    assert blob.header.upload_id == "upload-1"
    assert Blob(storage, "blob").header.upload_id == ""


def test_a_server_that_names_no_place_that_fits_is_given_up_like_one_that_is_away(bench, server, caplog):
    server.presign.append(Reply(body=upload([1])))
    exporter, _ = bench.exporter(max_attempts=1)
    exporter.put(step("s1", part(BODY)))
    assert exporter.flush(30).pending == 1
    assert puts(server) == []
    assert "the server cannot be used: it answered 200" in caplog.text
    assert exporter.flush(30).pending == 0


def upload(numbers: list[int], size: int = 10, **fields) -> bytes:
    parts = [{"partNumber": number, "presignedUrl": "http://x/"} for number in numbers]
    return json.dumps({"upload": {"uploadId": "u", "partSizeBytes": size, "parts": parts, **fields}}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        upload([1, 2]),
        upload([1, 2, 3, 4]),
        upload([2, 1, 3]),
        upload([1, 1, 3]),
        upload([1, 2, 3], size=0),
        upload([1, 2, 3], uploadId=""),
        upload([1, 2, 3], parts=[{"partNumber": 1}, {"partNumber": 2}, {"partNumber": 3}]),
        upload([1, 2, 3], uploadId=7),
        b'{"upload":{}}',
        b"[]",
        b"\xff",
    ],
)
def test_parts_that_do_not_make_up_the_value_are_no_place(answer):
    assert read_place(answer, 25) is None
    assert read_place(upload([1, 2, 3]), 25) is not None
