"""What goes at the same time, over which connections, and what all rest for together."""

import gzip
import json
import os
import socket
import threading

import pytest

from tests.trace.export.bench import assert_adds_up, finished, part, step, wait_until
from tests.trace.export.scripted_server import Reply
from xray_trace.export.spool_name import DROPS, SpoolName

BIG = 100_000


def steps(server) -> set[str]:
    return {event["stepId"] for event in server.accepted if event["type"] == "step"}


def notice(request) -> dict:
    return json.loads(request.headers["x-xray-stats"])


def test_four_batches_are_on_their_way_at_a_time_and_no_more(bench, server):
    gate = threading.Event()
    server.always = Reply(before=lambda: gate.wait(30))
    exporter, _ = bench.exporter(batch_interval_seconds=0.01)
    for number in range(4):
        exporter.put(step(f"s{number}"))
        wait_until(lambda number=number: len(server.posts()) == number + 1)
    exporter.put(step("s4"))
    wait_until(lambda: len(bench.files("events/*.events.json")) == 5)
    assert len(server.posts()) == 4
    gate.set()
    assert exporter.flush(30).pending == 0
    assert len(server.posts()) == 5


def test_batches_that_follow_each_other_share_a_connection(bench, server):
    exporter, _ = bench.exporter()
    for number in range(10):
        exporter.put(step(f"s{number}"))
        assert exporter.flush(20).pending == 0
    assert (len(server.posts()), server.connections) == (10, 1)


def test_many_blobs_share_few_connections_and_ask_for_their_places_together(bench, server):
    exporter, _ = bench.exporter()
    for number in range(40):
        exporter.put(step(f"s{number}", part(os.urandom(BIG))))
    assert exporter.flush(30).pending == 0
    questions = server.posts("/api/v1/presign") + server.posts("/api/v1/presign/batch")
    asked = [item["dataId"] for request in questions for item in request.json().get("items", [request.json()])]
    assert len(asked) == len(set(asked)) == 40
    assert len(server.posts("/api/v1/presign/batch")[0].json()["items"]) == 8
    assert server.connections <= 12  # as many as there are senders


def test_a_server_that_knows_no_question_for_several_is_asked_for_each(bench, server):
    reply = server._reply
    server._reply = lambda request: Reply(404) if request.path.endswith("/batch") else reply(request)
    exporter, stats = bench.exporter()
    for number in range(20):
        exporter.put(step(f"s{number}", part(os.urandom(BIG))))
    assert exporter.flush(30).pending == 0
    assert len(server.blobs) == 20
    assert_adds_up(stats)


def test_a_blob_that_is_refused_among_several_is_set_aside_alone(bench, server):
    reply = server._reply

    def refuse_one(request):
        if request.path == "/api/v1/presign/batch":
            items = [
                {"error": "no"} if item["key"] == "bad" else server.uploads.place(item)
                for item in request.json()["items"]
            ]
            return Reply(body=json.dumps({"items": items}).encode())
        if request.path == "/api/v1/presign" and request.json()["key"] == "bad":
            return Reply(400, b'{"error":"no"}')
        return reply(request)

    server._reply = refuse_one
    exporter, stats = bench.exporter()
    exporter.put(step("s1", *(part(os.urandom(BIG), key) for key in ("a", "bad", "b"))))
    result = exporter.flush(30)
    assert (result.delivered, result.pending, result.dropped) == (3, 0, {"rejected by the server": 1})
    assert len(bench.files("rejected/*")) == 1
    assert_adds_up(stats)


def test_a_put_on_a_connection_that_ends_under_it_is_sent_again_whole(bench, server):
    def hang_up() -> None:
        raise ConnectionError("the server closed the connection without an answer")

    exporter, _ = bench.exporter()
    exporter.put(step("s1"))
    assert exporter.flush(20).pending == 0  # leaves an open connection
    server.put.append(Reply(status=500, before=hang_up))
    body = os.urandom(3_000_000)
    exporter.put(step("s2", part(body)))
    assert exporter.flush(20).pending == 0
    assert [request.body for request in server.blobs.values()] == [body]


def test_a_server_that_is_away_is_asked_by_one_and_not_by_each_batch(bench, server):
    server.always = Reply(503)
    exporter, stats = bench.exporter(max_attempts=3, batch_interval_seconds=3600, max_batch_size=10)
    for number in range(500):
        exporter.put(step(f"s{number}"))
    assert exporter.flush(30).pending == 500
    assert len(server.posts()) <= 4 + 2  # four had gone when the first failed
    before = len(server.posts())
    assert exporter.flush(30).pending == 500
    assert len(server.posts()) == before + 1
    server.always = None
    assert exporter.flush(30).pending == 0
    assert_adds_up(stats)


def test_the_events_go_on_while_the_store_of_large_values_is_away(bench, server):
    reply = server._reply
    server._reply = lambda request: Reply(503) if request.method == "PUT" else reply(request)
    exporter, stats = bench.exporter(max_attempts=1)
    exporter.put(step("s1", part(os.urandom(BIG))))
    assert exporter.flush(20).pending == 1
    exporter.put(step("s2"))
    assert exporter.flush(20).pending == 1
    assert steps(server) == {"s1", "s2"}
    server._reply = reply
    assert exporter.flush(20).pending == 0
    assert_adds_up(stats)


def test_a_batch_on_which_the_server_always_fails_leaves_the_others_their_turns(bench, server):
    reply = server._reply
    server._reply = lambda request: Reply(500) if b'"poison"' in request.body else reply(request)
    exporter, _ = bench.exporter(batch_interval_seconds=0.01)
    exporter.put(step("poison"))
    wait_until(lambda: len(server.posts()) >= 1)
    for number in range(20):
        exporter.put(step(f"s{number}"))
        wait_until(lambda number=number: f"s{number}" in steps(server))
    server._reply = reply


@pytest.fixture
def far_away(bench, server, monkeypatch):
    """The server under a name that is not this machine's."""
    found = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: found(host.replace("far.test", "127.0.0.1"), *rest, **more)
    )
    bench.url = f"http://far.test:{server.port}"


def test_a_large_batch_to_another_machine_is_compressed_and_nothing_else_is(bench, server, far_away):
    reply = server._reply

    def unpack(request):
        is_packed = request.headers.get("content-encoding") == "gzip"
        return reply(request._replace(body=gzip.decompress(request.body)) if is_packed else request)

    server._reply = unpack
    exporter, _ = bench.exporter()
    exporter.put(step("small"))
    assert exporter.flush(20).pending == 0
    for number in range(100):
        exporter.put(step(f"s{number}", part(b"0123456789" * 1000), part(os.urandom(20_000), "k" * 500)))
    assert exporter.flush(20).pending == 0
    assert len(steps(server)) == 101
    assert max(len(request.body) for request in server.posts("/api/v1/presign/batch")) > 4096
    others = [request for request in server.requests if request.path != "/api/v1/ingest"]
    assert not any("content-encoding" in request.headers for request in others)
    small, large = server.posts()[0], server.posts()[-1]
    assert "content-encoding" not in small.headers
    assert large.headers["content-encoding"] == "gzip"
    assert large.headers["content-length"] == str(len(large.body))


def test_who_does_not_know_the_compression_gets_no_more_of_it(bench, server, far_away):
    server.ingest.append(Reply(415))
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(b"x" * 10_000)))
    assert exporter.flush(20).pending == 0
    assert steps(server) == {"s1"}
    assert [request.headers.get("content-encoding") for request in server.posts()] == ["gzip", None]


def test_nothing_is_compressed_for_this_machine(bench, server):
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(b"x" * 10_000)))
    assert exporter.flush(20).pending == 0
    assert "content-encoding" not in server.posts()[0].headers


def test_each_batch_tells_what_this_process_has_lost_so_far(bench, server):
    server.ingest.append(Reply(400, b'{"error":"no"}'))
    exporter, _ = bench.exporter()
    exporter.put(step("s1"))
    exporter.put(step("s2"))
    exporter.flush(20)
    exporter.put(step("s3"))
    exporter.shutdown(20)
    exporter.put(step("s4"))  # another owner of the spool, and the same process
    assert exporter.flush(20).pending == 0
    first, *others = [notice(request) for request in server.posts()]
    assert first["dropped"] == {}
    assert [other["dropped"] for other in others] == [{"rejected by the server": 2}] * 2
    assert {len(told["process"]) for told in (first, *others)} == {32}
    assert {other["process"] for other in others} == {first["process"]}


def test_a_forks_child_tells_of_its_own_losses_alone(bench, server):
    server.ingest.append(Reply(400, b'{"error":"no"}'))
    out = finished(
        bench.program(
            """
            exporter.put(step("s1"))
            exporter.flush(20)
            child = os.fork()
            if child == 0:
                exporter.after_fork_in_child()
                exporter.put(step("child"))
                exporter.shutdown(20)
                os._exit(0)
            os.waitpid(child, 0)
            exporter.put(step("parent"))
            print(exporter.shutdown(20).pending)
            """
        )
    )
    assert out == "0\n"
    first, child, parent = [notice(request) for request in server.posts()]
    assert (child["dropped"], parent["dropped"]) == ({}, {"rejected by the server": 1})
    assert child["process"] != parent["process"] == first["process"]


def test_a_clock_that_jumps_holds_nothing_up(bench, server):
    server.ingest.extend([Reply(503), Reply(503), Reply(503, headers={"Retry-After": "0"})])
    program = bench.program(
        """
        import itertools
        jumps = itertools.cycle([0.0, 4e9, 1e9, -1e6])
        time.time = lambda: next(jumps)
        time.time_ns = lambda: int(next(jumps) * 1e9)
        for number in range(3):
            exporter.put(step(f"s{number}", part(b"x" * 30_000)))
            exporter.flush(30)
        print(exporter.shutdown(30).pending)
        """,
        batch_interval_seconds=0.05,
    )
    assert finished(program) == "0\n"
    assert steps(server) == {"s0", "s1", "s2"}


@pytest.mark.parametrize("end", ["os._exit(0)", "exporter.shutdown(2)"])
def test_what_a_program_lost_and_could_not_tell_any_more_is_told_by_the_next(bench, server, end):
    exporter, _ = bench.exporter()  # which is not told of what it finds before it has found it
    program = bench.program(
        f"""
        exporter.put(step("s"))
        exporter.flush(20)
        exporter.put(step("large", *[part(os.urandom(250_000), str(number)) for number in range(6)]))
        deadline = time.monotonic() + 20
        while not list(Path(config.spool_dir).glob("events/*.drops")) and time.monotonic() < deadline:
            exporter.flush(1)
        {end}
        """,
        max_spool_bytes=1_000_000,
        batch_interval_seconds=0.05,
    )
    finished(program)
    known = {notice(request)["process"] for request in server.posts()}
    assert [notice(request)["dropped"] for request in server.posts()] == [{}]
    for name in ("a", "b", "c"):
        exporter.put(step(name))
        exporter.flush(20)
    told = [notice(request)["dropped"] for request in server.posts() if notice(request)["process"] in known]
    assert told == [{}, {"the spool was full": 7}]
    assert bench.files("events/*.drops") == []


def test_a_note_of_what_was_lost_that_makes_no_sense_is_removed(bench, server):
    exporter, _ = bench.exporter()
    (bench.spool_dir / "events").mkdir(parents=True)
    name = str(SpoolName(bench.config().destination, "d" * 32, 1, 0, DROPS))
    (bench.spool_dir / name).write_bytes(b'{"process":"\\r\\nx-api-key: other","dropped":{}}')
    exporter.put(step("s"))
    assert exporter.flush(20).delivered == 1
    assert bench.files("events/*.drops") == []
