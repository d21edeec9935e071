import json
import logging
import math
import os
import threading

import pytest

from tests.trace.export.bench import assert_adds_up, part, step, wait_until
from tests.trace.export.scripted_server import Reply, ScriptedServer


def steps(server: ScriptedServer) -> list[str]:
    return [event["stepId"] for event in server.accepted if event["type"] == "step"]


def test_records_arrive_once_and_leave_nothing_behind(bench, server):
    exporter, stats = bench.exporter()
    for number in range(250):
        exporter.put(step(f"s{number}", part(b"%d" % number)))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (500, 0, {})
    assert sorted(steps(server)) == sorted(f"s{number}" for number in range(250))
    assert {request.headers["x-api-key"] for request in server.requests} == {"key-1"}
    exporter.shutdown(5)
    assert bench.files() == []
    assert_adds_up(stats)


@pytest.mark.parametrize("forever", [math.inf, 1e300])
def test_a_flush_and_a_shutdown_that_may_take_for_ever_wait_until_all_is_delivered(bench, server, forever):
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    assert exporter.flush(forever).pending == 0
    exporter.put(step("s2"))
    assert exporter.shutdown(forever).pending == 0
    assert sorted(steps(server)) == ["s1", "s2"]
    assert_adds_up(stats)


@pytest.mark.parametrize("no_time", [math.nan, -1.0, 0.0, -math.inf, None, "soon"])
def test_what_is_no_time_is_not_waited_for_and_raises_nothing(bench, server, no_time):
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    exporter.flush(no_time)
    exporter.shutdown(no_time)
    assert_adds_up(stats)


def test_nothing_is_made_before_the_first_record(bench):
    before = threading.active_count()
    exporter, _ = bench.exporter()
    assert exporter.flush(1).pending == 0
    exporter.shutdown(1)
    assert not bench.spool_dir.exists()
    assert threading.active_count() == before


def test_a_batch_is_sent_after_the_interval_without_being_asked(bench, server):
    exporter, _ = bench.exporter(batch_interval_seconds=0.05)
    exporter.put(step("s1"))
    wait_until(lambda: steps(server) == ["s1"])


def test_a_batch_is_sent_when_it_has_enough_records(bench, server):
    exporter, _ = bench.exporter(batch_interval_seconds=3600, max_batch_size=10)
    for number in range(10):
        exporter.put(step(f"s{number}"))
    wait_until(lambda: len(steps(server)) == 10)


def test_a_body_holds_a_thousand_events_at_most(bench, server):
    server.always = Reply(503)
    exporter, _ = bench.exporter(batch_interval_seconds=3600, max_batch_size=1000)
    for number in range(2500):
        exporter.put(step(f"s{number}"))
    server.always = None
    assert exporter.flush(20).pending == 0
    assert max(len(request.json()["events"]) for request in server.posts()) <= 1000
    assert sorted(steps(server)) == sorted(f"s{number}" for number in range(2500))


def test_the_bytes_on_disk_are_the_bytes_that_are_sent(bench, server):
    server.ingest.append(Reply(401))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(b"x")))
    exporter.flush(10)
    (name,) = bench.files("events/*.events.json")
    body = (bench.spool_dir / name).read_bytes()
    assert body.startswith(b'{"events":[\n{')
    assert body.count(b"\n") == 3
    assert server.posts()[0].body == body
    assert exporter.flush(10).pending == 0
    assert server.posts()[1].body == body


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(503, headers={"Retry-After": "0"}),
        Reply(429, headers={"Retry-After": "0"}),
        Reply(404),
        Reply(302, headers={"Location": "/elsewhere"}),
        Reply(200, b"<html>welcome</html>"),
        Reply(200, b"{}"),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:8].decode()}",
)
def test_what_is_not_a_yes_is_asked_again(bench, server, reply):
    server.ingest.append(reply)
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    assert exporter.flush(20).pending == 0
    assert steps(server) == ["s1"]
    assert len(server.posts()) == 2
    assert "/elsewhere" not in {request.path for request in server.requests}
    assert stats.snapshot().dropped == {}


def test_a_server_that_is_away_keeps_everything_until_it_is_back(bench, server):
    port = server.port
    server.close()
    exporter, stats = bench.exporter(max_attempts=2)
    for number in range(10):
        exporter.put(step(f"s{number}"))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (0, 10, {})
    assert bench.waiting() == 10
    back = ScriptedServer(port)
    try:
        assert exporter.flush(20).pending == 0
        assert len(steps(back)) == 10
    finally:
        back.close()
    assert_adds_up(stats)


def test_a_server_that_hangs_does_not_hold_up_a_flush_past_its_time(bench, server):
    hang = threading.Event()
    server.always = Reply(before=lambda: hang.wait(30))
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    assert exporter.flush(0.5).pending == 1
    assert exporter.shutdown(0.5).pending == 1
    assert bench.waiting() == 1
    hang.set()
    assert_adds_up(stats)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_sending_and_keeps_everything(bench, server, status):
    server.ingest.append(Reply(status))
    exporter, stats = bench.exporter()
    for number in range(3):
        exporter.put(step(f"s{number}"))
    assert exporter.flush(20).pending == 3
    assert len(server.posts()) == 1
    assert bench.waiting() == 3
    exporter.put(step("s3"))
    assert exporter.flush(20).pending == 0
    assert len(steps(server)) == 4
    assert_adds_up(stats)


def test_events_that_the_server_rejects_are_set_aside_alone(bench, server, caplog):
    answer = b'{"success":true,"accepted":1,"rejected":[{"index":0,"error":"bad"},{"index":2,"error":"bad"}]}'
    server.ingest.append(Reply(200, answer))
    exporter, stats = bench.exporter()
    for name in ("bad1", "good", "bad2"):
        exporter.put(step(name))
    with caplog.at_level(logging.WARNING, "xray_trace"):
        result = exporter.flush(20)
    assert (result.delivered, result.pending) == (1, 0)
    assert result.dropped == {"rejected by the server": 2}
    (name,) = bench.files("rejected/*")
    kept = json.loads((bench.spool_dir / name).read_bytes())["events"]
    assert [event["stepId"] for event in kept] == ["bad1", "bad2"]
    assert steps(server) == ["good"]
    assert sum("rejected" in record.message for record in caplog.records) == 1
    assert_adds_up(stats)


def test_a_batch_that_is_refused_as_a_whole_is_set_aside(bench, server):
    server.ingest.append(Reply(400, b'{"error":"no"}'))
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    exporter.put(step("s2"))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (0, 0, {"rejected by the server": 2})
    assert len(bench.files("rejected/*")) == 1
    exporter.put(step("s3"))
    assert exporter.flush(20).delivered == 1
    assert_adds_up(stats)


def test_a_refusal_that_names_events_lets_the_others_go_again(bench, server):
    server.ingest.append(Reply(400, b'{"error":"no","rejected":[{"index":1,"error":"bad"}]}'))
    exporter, stats = bench.exporter()
    for name in ("s1", "bad", "s3"):
        exporter.put(step(name))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (2, 0, {"rejected by the server": 1})
    assert steps(server) == ["s1", "s3"]
    assert_adds_up(stats)


def test_a_batch_that_is_too_large_is_halved_until_the_one_event_is_found(bench, server):
    def too_large(request):
        return b'"huge"' in request.body

    accept = server._reply
    server._reply = lambda request: Reply(413) if too_large(request) else accept(request)
    exporter, stats = bench.exporter()
    for name in ("s1", "s2", "huge", "s4", "s5"):
        exporter.put(step(name))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (4, 0, {"rejected by the server": 1})
    assert sorted(steps(server)) == ["s1", "s2", "s4", "s5"]
    assert_adds_up(stats)


def test_one_batch_that_always_fails_does_not_stop_the_others(bench, server):
    accept = server._reply
    server._reply = lambda request: Reply(500) if b'"poison"' in request.body else accept(request)
    exporter, stats = bench.exporter(max_attempts=1)
    exporter.put(step("poison"))
    assert exporter.flush(20).pending == 1
    exporter.put(step("s2"))
    wait_until(lambda: exporter.flush(20).delivered == 1)
    assert steps(server) == ["s2"]
    assert stats.snapshot().pending == 1


def test_what_an_exporter_recorded_after_its_shutdown_arrives_too(bench, server):
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    exporter.shutdown(10)
    exporter.shutdown(10)
    exporter.put(step("s2"))
    assert exporter.shutdown(10).delivered == 2
    assert steps(server) == ["s1", "s2"]
    assert_adds_up(stats)


def test_what_a_shutdown_left_is_counted_once_when_the_same_program_goes_on(bench, server):
    server.always = Reply(401)
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(b"x")))
    assert exporter.shutdown(10).pending == 2
    server.always = None
    exporter.put(step("s2"))
    result = exporter.flush(20)
    assert (result.delivered, result.pending) == (3, 0)
    assert (stats.snapshot().recorded, stats.snapshot().adopted) == (3, 0)
    assert sorted(steps(server)) == ["s1", "s2"]


def test_what_the_server_rejected_counts_within_the_quota_and_goes_first(bench, server):
    server.always = Reply(400, b'{"error":"no"}')
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000)
    for number in range(20):
        exporter.put(step(f"s{number}", *(part(b"%d-%d" % (number, n) * 3000, f"k{n}") for n in range(5))))
        exporter.flush(10)
    rejected = stats.snapshot().dropped
    assert set(rejected) == {"rejected by the server"}
    assert 0 < len(bench.files("rejected/*")) < 20
    assert sum(path.stat().st_size for path in bench.spool_dir.glob("*/*")) <= 1_250_000
    server.always = Reply(401)
    for number in range(5):
        exporter.put(step(f"t{number}", *(part(b"%d-%d" % (number, n) * 3000, f"k{n}") for n in range(5))))
        exporter.flush(10)
    assert stats.snapshot().dropped == rejected  # what waits stays, and what had gone was counted when it was rejected
    assert_adds_up(stats)


def test_a_full_spool_loses_the_oldest_and_counts_them(bench, server):
    server.always = Reply(401)
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000)
    for number in range(40):
        exporter.put(step(f"s{number}", *(part(b"%d-%d" % (number, n) * 3000, f"k{n}") for n in range(5))))
        exporter.flush(10)
    lost = stats.snapshot().dropped["the spool was full"]
    assert lost > 0
    assert bench.waiting() == stats.snapshot().pending
    assert sum(path.stat().st_size for path in bench.spool_dir.glob("*/*")) <= 1_250_000
    server.always = None
    exporter.flush(20)
    kept = {int(name[1:]) for name in steps(server)}
    newest_lost = max(set(range(40)) - kept)
    assert 39 in kept
    assert len([number for number in kept if number < newest_lost]) <= 4  # what was being sent when room was made
    assert_adds_up(stats)


def test_the_log_gets_one_line_of_a_kind(bench, server, caplog):
    server.always = Reply(400, b'{"error":"no"}')
    exporter, _ = bench.exporter()
    with caplog.at_level(logging.DEBUG, "xray_trace"):
        for number in range(5):
            exporter.put(step(f"s{number}"))
            exporter.flush(10)
    assert len([record for record in caplog.records if record.name == "xray_trace"]) == 1
    assert {record.threadName for record in caplog.records} == {"xray-trace"}


def test_the_debug_mode_logs_every_operation(bench, caplog):
    exporter, _ = bench.exporter(debug=True)
    with caplog.at_level(logging.DEBUG, "xray_trace"):
        exporter.put(step("s1"))
        exporter.flush(10)
    assert any("packed 1 items" in record.message for record in caplog.records)
    assert any("delivered 1 items" in record.message for record in caplog.records)


def test_what_is_said_twice_stands_in_the_log_once(bench, caplog):
    exporter, _ = bench.exporter()
    with caplog.at_level(logging.WARNING, "xray_trace"):
        exporter.report("something happened 1 time")
        exporter.report("something happened 2 times")
        exporter.report("something happened 3 times")
        exporter.put(step("s1"))
        exporter.flush(10)
    assert [record.message for record in caplog.records] == ["something happened 1 time", "something happened 2 times"]


def test_what_cannot_be_encoded_is_swallowed_and_counted(bench):
    exporter, stats = bench.exporter()
    exporter.put(step("s1", object()))
    now = stats.snapshot()
    assert (now.swallowed, now.dropped) == (1, {"recording failed": 1})
    bench._made.clear()
    exporter.shutdown(5)


@pytest.mark.parametrize("rejected", ['[{"index":[]},{"index":"0"},{"index":9},7]', '{"index":0}', '"all"'])
def test_an_answer_that_names_no_event_of_the_batch_costs_none(bench, server, rejected):
    server.ingest.append(Reply(200, b'{"success":true,"rejected":%s}' % rejected.encode()))
    exporter, _ = bench.exporter()
    exporter.put(step("s1"))
    result = exporter.flush(20)
    assert (result.delivered, result.pending, result.dropped) == (1, 0, {})
    assert steps(server) == ["s1"]


@pytest.mark.parametrize(("count", "size"), [(40, 100_000), (6, 1_000_000)], ids=["in journals", "in files"])
def test_large_values_are_sent_before_the_interval_is_over_when_they_take_up_the_spool(bench, server, count, size):
    exporter, _ = bench.exporter(batch_interval_seconds=3600, max_spool_bytes=10_000_000)
    exporter.put(step("first"))
    exporter.flush(20)  # the background has nothing to do now
    for number in range(count):
        exporter.put(step(f"s{number}", part(os.urandom(size))))
    wait_until(lambda: len(server.blobs) > 0, what="a value's arrival")


def test_the_oldest_makes_room_for_the_newest_though_the_interval_is_long(bench, server):
    server.always = Reply(401)
    exporter, stats = bench.exporter(batch_interval_seconds=3600, max_spool_bytes=1_000_000)
    for number in range(400):
        exporter.put(step(f"s{number}", part(os.urandom(9000))))
    wait_until(lambda: exporter._pipeline.storage.used_bytes <= 1_000_000, what="room")
    exporter.put(step("newest"))
    server.always = None
    exporter.flush(20)
    assert "newest" in [event.get("stepId") for event in server.accepted]
    assert_adds_up(stats)


def test_a_value_whose_first_copy_had_to_make_room_is_sent_again_with_the_next_step_that_has_it(bench, server):
    server.always = Reply(401)
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000)
    for number in range(8):  # more than are sent at one time, which the quota does not take
        exporter.put(step(f"earlier-{number}"))
        exporter.flush(20)
    exporter.put(step("first", part(b"the same" * 100)))
    exporter.flush(20)
    for number in range(150):
        exporter.put(step(f"s{number}", part(os.urandom(9000))))
    exporter.flush(20)
    assert stats.snapshot().dropped["the spool was full"] > 0
    server.always = None
    exporter.put(step("last", part(b"the same" * 100)))
    exporter.flush(20)
    (last,) = [event for event in server.accepted if event.get("stepId") == "last"]
    sent = {event["dataId"] for event in server.accepted if event["type"] == "data"}
    assert {artifact["dataId"] for artifact in last["artifacts"]} <= sent
    assert "first" not in steps(server)
