"""The statistics say what is so: what they call pending lies in the spool, and what they call delivered was taken."""

import os
import shutil

import msgspec

from tests.trace.export.bench import assert_adds_up, finished, part, step, wait_until
from tests.trace.export.scripted_server import Reply
from xray_trace.events import Record
from xray_trace.export import background

LOOKING = """
from xray_trace.export.inspection import spool_entries
def lying():
    return sum(e.events for e in spool_entries(config) if e.kind in ("journal", "batch", "blob"))
def record(name):
    large = [part(os.urandom(30_000), "large")] if name.endswith("7") else []
    exporter.put(step(name, part(os.urandom(100)), *large))
def let_values_arrive():
    deadline = time.monotonic() + 20  # values go their own way, and would arrive between the telling and the kill
    while any(e.kind == "blob" for e in spool_entries(config)) and time.monotonic() < deadline:
        time.sleep(0.01)
def tell():
    deadline = time.monotonic() + 20  # a flush does not wait for what is on its way to a server that refuses the rest
    now, there = stats.snapshot(), lying()
    while now.pending != there and time.monotonic() < deadline:
        now, there = stats.snapshot(), lying()
    print(now.recorded + now.adopted, now.delivered, now.pending, sum(now.dropped.values()), there, flush=True)
"""

QUIET = {"max_attempts": 1, "batch_interval_seconds": 60.0}  # nothing happens but what a test asks for


def told(line: bytes | str) -> tuple[int, int]:
    """Return what was delivered and what is pending, once the books add up and agree with the spool."""
    recorded, delivered, pending, dropped, lying = map(int, line.split())
    assert pending == lying
    assert recorded == delivered + pending + dropped
    return delivered, pending


def taken_by(server) -> int:
    return len(server.accepted) + len(server.blobs)


def test_what_is_pending_lies_in_the_spool_and_what_is_delivered_the_server_has(bench, server):
    some = b'{"success":true,"accepted":98,"rejected":[{"index":3,"error":"no"},{"index":7,"error":"no"}]}'
    server.ingest.extend([Reply(), Reply(503), Reply(503), Reply(200, some)])
    program = bench.program(
        LOOKING
        + """
for round in range(5):
    for number in range(50):
        record(f"s{round}-{number}")
    tell()
    exporter.flush(20)
    tell()
exporter.shutdown(20)
tell()
""",
        **QUIET,
    )
    books = [told(line) for line in finished(program).splitlines()]
    assert len(books) == 11
    assert len({pending for _, pending in books}) > 3
    assert books[-1] == (taken_by(server), 0)


def test_what_a_killed_program_had_recorded_is_what_the_server_had_and_the_next_one_takes_over(bench, server):
    server.ingest.extend([Reply(), *[Reply(503)] * 1000])  # more than are asked for until the kill
    program = bench.program(
        LOOKING
        + """
for number in range(120):
    record(f"s{number}")
exporter.flush(20)
for number in range(70):
    record(f"t{number}")
exporter.flush(20)
let_values_arrive()
tell()
time.sleep(60)
""",
        **QUIET,
    )
    try:
        delivered, pending = told(program.stdout.readline())
    finally:
        program.kill()
        program.communicate(timeout=30)
    assert delivered == taken_by(server)
    assert pending > 0
    server.ingest.clear()
    exporter, stats = bench.exporter()
    exporter.resume()
    exporter.flush(20)
    now = stats.snapshot()
    assert (now.adopted, now.delivered, now.pending, now.dropped) == (pending, pending, 0, {})
    assert taken_by(server) == delivered + pending


def test_at_no_instant_does_a_count_go_back_or_below_zero(bench, server):
    program = bench.program(
        LOOKING
        + """
sys.setswitchinterval(1e-5)
recording = [threading.Thread(target=lambda n=n: [record(f"s{n}-{i}") for i in range(500)]) for n in range(4)]
for thread in recording:
    thread.start()
last, faults, looks = stats.snapshot(), set(), 0
while any(thread.is_alive() for thread in recording):
    now = stats.snapshot()
    faults |= {name for name in ("recorded", "adopted", "delivered") if getattr(now, name) < getattr(last, name)}
    faults |= {f"pending is {now.pending}"} if now.pending < 0 else set()
    last, looks = now, looks + 1
print(sorted(faults)[:5], looks > 300, exporter.shutdown(30).pending)
""",
        batch_interval_seconds=0.01,
        max_batch_size=1,
        max_spool_bytes=2_000_000_000,
    )
    assert finished(program).strip() == "[] True 0"


def test_what_is_delivered_before_its_call_returns_is_counted_as_recorded_by_then(bench, server):
    """As a signal handler finds it that flushes, and is rung at the end of the very work of keeping the record."""
    program = bench.program(
        """
def look(frame, event, _):
    if event == "return" and frame.f_code.co_name == "take":
        sys.setprofile(None)
        exporter.flush(20)
        now = stats.snapshot()
        print(now.recorded, now.delivered, now.pending)
exporter.put(step("before"))
sys.setprofile(look)
exporter.put(step("now"))
"""
    )
    assert finished(program).strip() == "2 2 0"


def test_a_record_that_an_interrupt_kept_from_being_kept_is_counted_as_lost(bench, server):
    program = bench.program(
        """
def strike(frame, event, _):
    if event == "call" and frame.f_code.co_name == "take":
        sys.setprofile(None)
        raise KeyboardInterrupt
exporter.put(step("before"))
sys.setprofile(strike)
try:
    exporter.put(step("struck"))
except KeyboardInterrupt:
    print("interrupted")
exporter.flush(20)
now = stats.snapshot()
print(now.recorded, now.delivered, now.pending, sum(now.dropped.values()))
"""
    )
    assert finished(program).splitlines() == ["interrupted", "2 1 0 1"]


def test_a_refused_record_counts_as_all_the_events_that_it_would_have_become(bench, server):
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000)
    parts = [part(os.urandom(250_000), str(number)) for number in range(6)]  # together they are over the limit
    exporter.put(step("s", *parts, msgspec.structs.replace(parts[0], key="again", role="output")))
    assert (stats.snapshot().recorded, stats.snapshot().dropped) == (7, {"the spool was full": 7})
    exporter.put(Record("trace", b"", parts))
    assert (stats.snapshot().recorded, stats.snapshot().dropped) == (13, {"the spool was full": 13})
    exporter.put(step("kept", part(b"1"), part(b"2"), part(b"1")))
    exporter.flush(20)
    assert_adds_up(stats)
    assert (stats.snapshot().recorded, stats.snapshot().delivered) == (16, 3)


def test_a_value_that_finds_no_room_in_a_record_that_finds_none_either_is_counted_once(bench, server):
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000)
    parts = [part(os.urandom(250_000), str(number)) for number in range(6)]
    exporter.put(step("s", *parts, part(os.urandom(2_000_000), "large")))
    told = exporter.flush(20).delivered
    assert [event["type"] for event in server.accepted] == ["data"] * told  # that the large one is lost, at most
    assert (stats.snapshot().recorded, stats.snapshot().dropped) == (8 + told, {"the spool was full": 8})
    assert_adds_up(stats)


def test_records_whose_journal_somebody_removed_are_counted_once_and_pend_no_more(bench, server):
    exporter, stats = bench.exporter(batch_interval_seconds=60.0)
    for number in range(20):
        exporter.put(step(f"s{number}"))
    for name in bench.files("events/*.open"):
        (bench.spool_dir / name).unlink()
    exporter.flush(20)
    now = stats.snapshot()
    assert (now.recorded, now.pending, sum(now.dropped.values())) == (20, 0, 20)


def test_what_is_recorded_after_somebody_removed_the_spool_lies_on_disk_again_before_long(bench, server, monkeypatch):
    monkeypatch.setattr(background, "_ADOPTION_SECONDS", 0.05)
    exporter, stats = bench.exporter(batch_interval_seconds=0.05)
    exporter.put(step("before"))
    exporter.flush(20)
    shutil.rmtree(bench.spool_dir)
    wait_until(lambda: bench.files("events/*.lock"), what="the spool's return")
    server.always = Reply(503)
    for number in range(5):
        exporter.put(step(f"after-{number}"))
        exporter.flush(20)
    assert bench.files("events/*.events.json") != []
    server.always = None
    exporter.flush(20)
    assert "after-4" in [event["stepId"] for event in server.accepted]
    assert_adds_up(stats)
