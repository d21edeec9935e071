"""What dead programs left is sent whole, however small the quota of the one that sends it."""

import os

from tests.trace.export.bench import assert_adds_up, part, step, wait_until
from tests.trace.export.scripted_server import Reply, ScriptedServer
from xray_trace.export.batch import batch_body
from xray_trace.export.spool_name import BATCH, SpoolName

SMALL = {"max_spool_bytes": 1_000_000}  # the least that the settings allow

LEAVE = """
for number in range(int(sys.argv[2])):
    exporter.put(step(f"{sys.argv[1]}-{number}", part(os.urandom(10_000))))
exporter.flush(20)
print("recorded", flush=True)
time.sleep(60)
"""


def steps(server: ScriptedServer) -> list[str]:
    return sorted(event["stepId"] for event in server.accepted if event["type"] == "step")


def leave(bench, server: ScriptedServer, *counts: int) -> list[str]:
    """Have so many programs killed that recorded so many steps each, none of which the server has; name the steps."""
    server.always = Reply(401)
    programs = [
        bench.program(LEAVE, str(place), str(count), max_spool_bytes=50_000_000) for place, count in enumerate(counts)
    ]
    for program in programs:
        assert program.stdout.readline() == b"recorded\n"
    for program in programs:  # now, so that none takes over from another
        program.kill()
        program.communicate(timeout=20)
    server.heal()
    return sorted(f"{place}-{number}" for place, count in enumerate(counts) for number in range(count))


def sent(server: ScriptedServer, stats, count: int) -> list[str]:
    """Return the steps that the server has once it has so many, or some are lost."""
    wait_until(lambda: len(steps(server)) >= count or stats.snapshot().dropped, 60.0, what="what the dead left")
    assert stats.snapshot().dropped == {}
    return steps(server)


def test_all_that_several_killed_programs_left_goes_through_a_quota_that_is_smaller(bench, server):
    left = leave(bench, server, 40, 40, 40, 40)  # half a megabyte each
    exporter, stats = bench.exporter(**SMALL)
    exporter.put(step("own"))
    assert sent(server, stats, 161) == [*left, "own"]
    exporter.shutdown(20)
    assert_adds_up(stats)
    assert stats.snapshot().pending == 0
    assert bench.files() == []


def test_none_of_it_is_lost_where_the_server_is_away_at_first(bench, server):
    left = leave(bench, server, 40, 40, 40, 40)
    server.always = Reply(503)
    exporter, stats = bench.exporter(**SMALL, max_attempts=1)
    for number in range(10):
        exporter.put(step(f"own-{number}"))
        exporter.flush(20)  # each finds the server away, and each makes a batch
    assert stats.snapshot().dropped == {}
    server.always = None
    exporter.flush(20)
    assert sent(server, stats, 170) == sorted([*left, *(f"own-{number}" for number in range(10))])
    assert_adds_up(stats)


def test_what_one_killed_program_left_goes_out_though_it_alone_is_over_the_quota(bench, server):
    left = leave(bench, server, 200)
    server.always = Reply(503)
    exporter, stats = bench.exporter(**SMALL, max_attempts=1)
    exporter.resume()
    exporter.flush(20)
    assert stats.snapshot().dropped == {}
    assert stats.snapshot().pending == 400
    server.always = None
    exporter.flush(20)
    assert sent(server, stats, 200) == left
    assert_adds_up(stats)


def test_what_does_not_fit_stays_where_it_is_until_another_has_room(bench, server):
    left = leave(bench, server, 40, 40, 40)
    before = bench.files("events/*.events.json")
    server.always = Reply(503)
    exporter, stats = bench.exporter(**SMALL, max_attempts=1)
    exporter.put(step("own"))
    exporter.flush(20)
    after = bench.files("events/*.events.json")
    assert len({SpoolName.parse(name).owner for name in before if name in after}) == 2
    assert stats.snapshot().adopted == 80  # of one: 40 steps with a value each
    other, others = bench.exporter()
    other.resume()
    wait_until(lambda: others.snapshot().adopted == 160, what="the taking over by another")
    server.always = None
    exporter.flush(20)
    other.flush(20)
    assert sent(server, stats, 121) == sorted([*left, "own"])


def test_over_the_quota_what_the_dead_left_makes_room_for_what_is_recorded(bench, server):
    leave(bench, server, 100)
    size = sum(path.stat().st_size for path in bench.spool_dir.glob("*/*.json"))
    assert size > 1_300_000
    server.always = Reply(503)
    exporter, stats = bench.exporter(**SMALL, max_attempts=1)
    for number in range(200):
        exporter.put(step(f"own-{number}", part(os.urandom(10_000))))
        if number % 10 == 9:
            exporter.flush(20)
    now = stats.snapshot()
    assert now.dropped.keys() == {"the spool was full"}
    exporter.shutdown(20)
    held = sum(path.stat().st_size for path in bench.spool_dir.glob("*/*"))
    server.always = None
    last, found = bench.exporter()
    last.resume()
    last.flush(20)
    assert found.snapshot().pending == 0
    assert held <= size  # it grew by nothing
    assert {f"own-{number}" for number in range(170, 200)} <= set(steps(server))


def test_the_first_of_what_many_left_is_sent_before_the_last_is_taken_over(bench, server):
    config = bench.config()
    (bench.spool_dir / "events").mkdir(parents=True)
    for number in range(400):
        name = SpoolName(config.destination, f"{number:016x}" + "d" * 16, 1, 0, BATCH)
        (bench.spool_dir / str(name)).write_bytes(batch_body([b'{"type":"step","stepId":"%d","traceId":"t"}' % number]))
    not_taken_over = []
    server.ingest.append(Reply(before=lambda: not_taken_over.extend(bench.files(f"events/*{'d' * 16}*"))))
    exporter, stats = bench.exporter()
    exporter.resume()
    wait_until(lambda: stats.snapshot().delivered == 400, 60.0, what="the sending of all")
    assert len(not_taken_over) > 0
    assert len(steps(server)) == 400
    assert_adds_up(stats)
