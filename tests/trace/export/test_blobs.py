import hashlib
import json
import os
import threading

import pandas
import pytest

from tests.trace.export.bench import assert_adds_up, finished, part, step, wait_until
from tests.trace.export.scripted_server import Reply
from xray_trace.events import ContentStream, LateValue, Part
from xray_trace.export.worker_pool import MAX_WAITING
from xray_trace.recorder.options import StepOptions
from xray_trace.recorder.step import Step
from xray_trace.tracer import Tracer

BIG = 100_000


def references(server, step_id: str) -> list[str]:
    (event,) = [event for event in server.accepted if event.get("stepId") == step_id]
    return [artifact["dataId"] for artifact in event["artifacts"]]


def data_events(server) -> dict[str, dict]:
    return {event["dataId"]: event for event in server.accepted if event["type"] == "data"}


def test_a_large_value_is_presigned_and_put_as_it_is_without_the_key(bench, server):
    exporter, stats = bench.exporter()
    body = os.urandom(3_000_000)
    exporter.put(step("s1", Part("frame", "input", "image/png", body, b'{"type":"Image"}', b'{"why":"test"}')))
    result = exporter.flush(20)
    assert (result.delivered, result.pending) == (2, 0)
    (data_id,) = references(server, "s1")
    (presign,) = server.posts("/api/v1/presign")
    assert presign.headers["x-api-key"] == "key-1"
    assert presign.json() == {
        "dataId": data_id,
        "traceId": "trace",
        "key": "frame",
        "metadata": {"why": "test"},
        "contentType": "image/png",
        "sizeBytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    put = server.blobs[data_id]
    assert put.body == body
    assert put.headers["content-length"] == str(len(body))
    assert put.headers["content-type"] == "image/png"
    assert "x-api-key" not in put.headers
    exporter.shutdown(5)
    assert bench.files() == []
    assert_adds_up(stats)


def test_the_same_large_value_in_one_trace_is_uploaded_once(bench, server):
    exporter, stats = bench.exporter()
    body = os.urandom(BIG)
    exporter.put(step("s1", part(body, "made", "output")))
    exporter.put(step("s2", part(body, "used", "input")))
    assert exporter.flush(20).delivered == 3
    assert references(server, "s1") == references(server, "s2")
    assert len(server.blobs) == 1
    assert_adds_up(stats)


def test_many_blobs_arrive_whole(bench, server):
    exporter, stats = bench.exporter()
    bodies = [os.urandom(BIG) for _ in range(20)]
    for number, body in enumerate(bodies):
        exporter.put(step(f"s{number}", part(body)))
    assert exporter.flush(30).pending == 0
    assert sorted(request.body for request in server.blobs.values()) == sorted(bodies)
    assert_adds_up(stats)


def test_a_put_that_fails_asks_for_another_url(bench, server):
    server.put.append(Reply(403))
    server.put.append(Reply(500))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(os.urandom(BIG))))
    assert exporter.flush(20).pending == 0
    assert len(server.posts("/api/v1/presign")) == 3
    assert len(server.blobs) == 1


@pytest.mark.parametrize("status", [400, 413])
def test_a_blob_that_the_server_does_not_take_is_set_aside(bench, server, status):
    server.presign.append(Reply(status, b'{"error":"too large"}'))
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(os.urandom(BIG))))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (1, 0, {"rejected by the server": 1})
    assert len(bench.files("rejected/*")) == 1
    assert bench.files("data/*") == []
    assert_adds_up(stats)


@pytest.mark.parametrize("url", ["file://{}", "{}", "http://[", "https://", "http://\x00", ""])
def test_a_presigned_url_that_is_none_is_not_followed(bench, server, tmp_path, url):
    secret = tmp_path / "secret"
    server.always = Reply(body=json.dumps({"success": True, "presignedUrl": url.format(secret)}).encode())
    exporter, _ = bench.exporter(max_attempts=1)
    exporter.put(step("s1", part(os.urandom(BIG))))
    assert exporter.flush(20).pending == 1
    assert not secret.exists()


def test_blobs_wait_on_disk_while_the_server_is_away(bench, server):
    server.always = Reply(503)
    exporter, stats = bench.exporter(max_attempts=1)
    exporter.put(step("s1", part(os.urandom(BIG))))
    assert exporter.shutdown(20).pending == 2
    (name,) = bench.files("data/*")
    assert name.endswith(".data.bin")
    header = json.loads((bench.spool_dir / name).read_bytes().split(b"\n")[0])
    assert header["destination"] == bench.config().destination
    assert "key-1" not in json.dumps(header)
    assert bench.waiting() == 2
    assert_adds_up(stats)


def late(data_id: str, encode) -> tuple[Part, LateValue]:
    reference = Part("big", "input", "", None, b'{"type":"list","late":true}', b"{}", data_id)
    return reference, LateValue("trace", data_id, "big", b'{"note":1}', encode)


@pytest.mark.parametrize("size", [10, BIG])
def test_a_late_value_follows_its_step_under_the_id_it_was_given(bench, server, size):
    exporter, stats = bench.exporter()
    body = b"x" * size
    reference, value = late("late-1", lambda: ContentStream("text/plain", iter([body])))
    exporter.put_late(value)
    exporter.put(step("s1", reference))
    result = exporter.flush(20)
    assert (result.delivered, result.pending) == (2, 0)
    assert references(server, "s1") == ["late-1"]
    if size == BIG:
        assert server.blobs["late-1"].body == body
    else:
        assert data_events(server)["late-1"]["content"] == body.decode()
        assert data_events(server)["late-1"]["metadata"] == {"note": 1}
    exporter.shutdown(5)
    assert bench.files() == []
    assert_adds_up(stats)


def test_a_late_value_that_cannot_be_encoded_is_told_of_and_counted(bench, server):
    exporter, stats = bench.exporter()
    reference, value = late("late-1", lambda: 1 // 0)
    exporter.put_late(value)
    exporter.put(step("s1", reference))
    result = exporter.flush(20)
    assert result.dropped == {"a large value could not be encoded in the background": 1}
    assert "ZeroDivisionError" in data_events(server)["late-1"]["metadata"]["lost"]
    assert bench.files("data/*") == []
    assert_adds_up(stats)


def test_more_late_values_than_may_wait_are_lost_and_told_of(bench, server):
    exporter, stats = bench.exporter(worker_pool_size=1)
    gate = threading.Event()

    def encode() -> ContentStream:
        gate.wait(30)
        return ContentStream("text/plain", iter([b"x"]))

    for number in range(MAX_WAITING + 5):
        reference, value = late(f"late-{number}", encode)
        exporter.put_late(value)
        exporter.put(step(f"s{number}", reference))
    gate.set()
    result = exporter.flush(30)
    assert result.dropped == {"too many large values were waiting to be encoded": 5}
    told = [event for event in data_events(server).values() if "lost" in event["metadata"]]
    assert len(told) == 5
    assert len(data_events(server)) == MAX_WAITING + 5
    assert_adds_up(stats)


def ended_steps(server) -> list[dict]:
    return [event for event in server.accepted if event["type"] == "step" and not event.get("pending")]


def test_a_large_input_is_at_the_server_complete_while_its_step_still_runs(bench, server):
    tracer = Tracer(
        api_key="key-1", base_url=server.url, spool_dir=bench.spool_dir, batch_interval_seconds=0.05, project_id="p"
    )
    running = tracer.recorder.start_step("long", StepOptions(), Step)
    rows = [[n, {"n": n}] for n in range(200_000)]
    running.input(rows, key="rows")
    wait_until(lambda: server.blobs, 60)
    assert ended_steps(server) == []
    running.end()
    assert tracer.shutdown(20).pending == 0
    (ended,) = ended_steps(server)
    assert ended["inputs"]["rows"] == {"type": "list", "length": 200_000, "late": True}
    (artifact,) = ended["artifacts"]
    assert json.loads(server.blobs[artifact["dataId"]].body) == rows


def test_a_late_value_of_the_explicit_form_arrives_though_it_turns_out_small(bench, server):
    tracer = Tracer(api_key="key-1", base_url=server.url, spool_dir=bench.spool_dir, project_id="p")
    frame = pandas.DataFrame({"zero": [0] * 2_000_000})  # takes a while, and comes to a few kB
    data_id = tracer.create_trace({}).data(frame, "frame")
    assert tracer.shutdown(20).pending == 0
    (event,) = [event for event in server.accepted if event.get("dataId") == data_id]
    assert event["contentEncoding"] == "base64"
    assert event["sizeBytes"] < 16 * 1024


def test_a_late_value_whose_making_fails_half_way_leaves_no_file(bench, server):
    def chunks():
        yield b"x" * BIG
        raise ZeroDivisionError

    exporter, stats = bench.exporter()
    reference, value = late("late-1", lambda: ContentStream("text/plain", chunks()))
    exporter.put_late(value)
    exporter.put(step("s1", reference))
    result = exporter.flush(20)
    assert result.dropped == {"a large value could not be encoded in the background": 1}
    assert "ZeroDivisionError" in data_events(server)["late-1"]["metadata"]["lost"]
    assert bench.files("data/*") == []
    assert_adds_up(stats)


def test_a_late_value_that_fills_the_disk_is_told_of_and_leaves_no_file(bench, server):
    program = bench.program(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
        value = LateValue(
            "trace", "late-1", "big", b"{}", lambda: ContentStream("text/plain", (b"x" * 100_000 for _ in range(50)))
        )
        exporter.put_late(value)
        exporter.put(step("s1", Part("big", "input", "", None, b"{}", b"{}", "late-1")))
        result = exporter.shutdown(20)
        print(result.pending, result.dropped, os.listdir(config.spool_dir / "data"))
        """
    )
    assert finished(program).strip() == "0 {'a value found no room in the spool': 1} []"
    assert "disk failed" in data_events(server)["late-1"]["metadata"]["lost"]


def test_what_is_older_makes_room_for_a_late_value_while_it_grows(bench, server):
    server.always = Reply(503)
    exporter, stats = bench.exporter(max_spool_bytes=4_000_000, max_attempts=1)
    for number in range(6):
        exporter.put(step(f"s{number}", part(os.urandom(500_000))))
    exporter.flush(10)
    assert stats.snapshot().dropped == {}

    def chunks():
        yield b"x" * 1_200_000
        yield b"y"
        wait_until(lambda: exporter._pipeline.storage.used_bytes <= 4_000_000)
        yield b"z" * 600_000

    reference, value = late("late-1", lambda: ContentStream("text/plain", chunks()))
    exporter.put_late(value)
    exporter.put(step("late", reference))
    exporter.flush(30)
    assert set(stats.snapshot().dropped) == {"the spool was full"}
    assert_adds_up(stats)


def test_after_a_shutdown_late_values_begin_a_new_life(bench, server):
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    exporter.shutdown(10)
    _, value = late("late-1", lambda: ContentStream("text/plain", iter([b"x" * BIG])))
    exporter.put_late(value)
    assert exporter.shutdown(20).pending == 0
    assert server.blobs["late-1"].body == b"x" * BIG
    assert bench.files() == []
    assert_adds_up(stats)


def test_a_late_value_that_takes_for_ever_does_not_hold_up_the_shutdown(bench, server):
    exporter, stats = bench.exporter()
    gate = threading.Event()
    reference, value = late("late-1", lambda: gate.wait(60))
    exporter.put_late(value)
    exporter.put(step("s1", reference))
    exporter.shutdown(1)
    assert len(server.posts()) == 1
    assert [name.rsplit(".", 1)[1] for name in bench.files("data/*")] == ["late"]
    gate.set()
    bench._made.clear()
    assert stats.snapshot().pending == 0


def test_a_value_that_cannot_be_read_for_now_stays(bench, server):
    server.always = Reply(503)
    program = bench.program(
        """
        exporter.put(step("s1", part(b"x" * 30_000)))
        exporter.flush(20)
        (blob,) = (config.spool_dir / "data").glob("*.data.bin")
        away = blob.rename(config.spool_dir / "away")
        blob.symlink_to(away)  # which the spool never follows, as little as a disk that fails answers
        print("hidden", flush=True)
        while not (config.spool_dir / "go").exists():
            time.sleep(0.01)
        print(exporter.flush(2).pending, stats.snapshot().dropped, flush=True)
        blob.unlink()
        away.rename(blob)
        print(exporter.shutdown(20).pending, stats.snapshot().dropped)
        """,
        max_attempts=1,
    )
    assert program.stdout.readline() == b"hidden\n"
    server.always = None
    (bench.spool_dir / "go").touch()
    assert finished(program).splitlines() == ["1 {}", "0 {}"]
    assert len(server.blobs) == 1
