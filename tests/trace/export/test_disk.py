"""Disks that are full, foreign or not there."""

import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.trace.export.bench import assert_adds_up, finished, part, step, wait_until
from tests.trace.export.scripted_server import Reply
from xray_trace.errors import SpoolError, SpoolFullError
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.inspection import flush_spool
from xray_trace.export.spool_directory import open_spool_directory

NOT_SENT = "in memory only and not sent in time"


def steps(server) -> list[str]:
    return [event["stepId"] for event in server.accepted if event["type"] == "step"]


FULL = """
import resource
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""


def test_a_disk_that_takes_nothing_from_the_start_is_replaced_by_memory(bench, server):
    source = (
        FULL
        + """
limit(0)
for number in range(300):
    exporter.put(step(f"s{number}", part(os.urandom(2000)), *([part(b"x" * 30_000)] if number == 7 else [])))
result = exporter.shutdown(30)
print(result.pending, result.dropped, stats.snapshot().swallowed)
"""
    )
    assert finished(bench.program(source)).strip() == "0 {} 0"
    assert sorted(steps(server)) == sorted(f"s{number}" for number in range(300))
    assert len(server.blobs) == 1


def test_a_large_value_that_was_kept_before_the_disk_filled_is_delivered_all_the_same(bench, server):
    """As on a file system that copies on write, the full disk does not even let a file's first bytes be replaced."""
    source = (
        FULL
        + """
for name in ("s1", "s2"):
    exporter.put(step(name, part(b"x" * 30_000), part(b"y" * 30_000, "again"), part(b"y" * 30_000)))
limit(0)
result = exporter.shutdown(30)
print(result.delivered, result.pending, result.dropped, stats.snapshot().swallowed)
"""
    )
    assert finished(bench.program(source)).strip() == "4 0 {} 0"
    assert sorted(steps(server)) == ["s1", "s2"]
    assert sorted(len(request.body) for request in server.blobs.values()) == [30_000, 30_000]
    assert bench.files() == []


def test_a_large_value_that_cannot_be_opened_for_now_waits_with_all_that_was_recorded_with_it(bench, server):
    program = bench.program(
        """
import resource
def limit(descriptors):
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
usual, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
exporter.put(step("s0"))
exporter.flush(20)
exporter.put(step("s1", part(b"small", "small"), part(b"x" * 300_000)))
limit(3)
exporter.flush(20)
print(stats.snapshot().delivered, stats.snapshot().dropped)
limit(usual)
exporter.flush(20)
now = stats.snapshot()
print(now.delivered, now.pending, now.dropped)
""",
        batch_interval_seconds=60,
    )
    assert finished(program).splitlines() == ["1 {}", "4 0 {}"]
    assert [event["type"] for event in server.accepted] == ["step", "data", "step"]
    assert len(server.blobs) == 1


def test_a_disk_that_fills_while_recording_loses_nothing_and_is_used_again_when_it_can_be(bench, server):
    source = (
        FULL
        + """
exporter.put(step("before"))
exporter.flush(20)
limit(0)
for number in range(300):
    exporter.put(step(f"full-{number}", part(os.urandom(9000))))
print(exporter.flush(30).pending)
limit(resource.RLIM_INFINITY)
for number in range(300):
    exporter.put(step(f"free-{number}", part(os.urandom(9000))))
result = exporter.shutdown(30)
print(result.pending, result.dropped, stats.snapshot().swallowed)
"""
    )
    assert finished(bench.program(source)).split("\n")[:2] == ["0", "0 {} 0"]
    assert len(steps(server)) == len(set(steps(server))) == 601
    assert bench.files() == []


def test_what_was_recorded_before_the_disk_was_full_survives_the_process(bench, server):
    server.always = Reply(503)
    source = (
        FULL
        + """
for number in range(50):
    exporter.put(step(f"s{number}"))
limit(0)
for number in range(5000):
    exporter.put(step(f"t{number}", part(os.urandom(900))))
os._exit(0)
"""
    )
    finished(bench.program(source))
    server.always = None
    exporter, stats = bench.exporter()
    exporter.resume()
    exporter.flush(30)
    assert {f"s{number}" for number in range(50)} <= set(steps(server))
    assert_adds_up(stats)


def test_memory_is_bounded_as_the_disk_is(bench, server):
    server.always = Reply(401)
    source = (
        FULL
        + """
limit(0)
for number in range(3000):
    exporter.put(step(f"s{number}", part(os.urandom(9000))))
exporter.flush(20)
now = stats.snapshot()
print(now.dropped["the spool was full"] > 0, now.pending < 3000, exporter._pipeline.storage.used_bytes < 3_000_000)
os._exit(0)
"""
    )
    assert finished(bench.program(source, max_spool_bytes=2_000_000)).strip() == "True True True"


def test_directories_and_files_are_for_their_user_alone(bench, server):
    server.always = Reply(503)
    os.umask(os.umask(0o022))
    exporter, _ = bench.exporter(max_attempts=1)
    exporter.put(step("s1", part(b"x" * 30_000)))
    exporter.flush(20)
    exporter.put(step("s2"))
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in bench.spool_dir.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE(bench.spool_dir.lstat().st_mode) == 0o700


def test_an_open_directory_of_ones_own_is_closed_to_others(tmp_path):
    path = tmp_path / "xray-sdk"
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    assert open_spool_directory(path) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_directory_is_not_followed(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    path = tmp_path / "xray-sdk"
    path.symlink_to(target)
    assert open_spool_directory(path) == tmp_path / f"xray-sdk-{os.geteuid()}"
    assert list(target.iterdir()) == []


def test_a_link_inside_the_directory_is_not_followed(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "xray-sdk").mkdir()
    (tmp_path / "xray-sdk" / "events").symlink_to(target)
    assert open_spool_directory(tmp_path / "xray-sdk") == tmp_path / f"xray-sdk-{os.geteuid()}"
    assert list(target.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_directory_of_another_user_is_left_alone(tmp_path):
    path = tmp_path / "xray-sdk"
    path.mkdir(mode=0o777)
    os.chown(path, 12345, 12345)
    assert open_spool_directory(path) == tmp_path / f"xray-sdk-{os.geteuid()}"
    assert list(path.iterdir()) == []


def test_where_no_directory_can_be_used_memory_is(bench, server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="no directory can be used"):
        DiskStorage(tmp_path / "file" / "xray-sdk", "d" * 16, 10_000_000)
    exporter, stats = bench.exporter(spool_dir=tmp_path / "file" / "xray-sdk")
    exporter.put(step("s1", part(b"x" * 30_000)))
    assert exporter.flush(20).delivered == 2
    exporter.shutdown(10)
    assert_adds_up(stats)


def test_what_only_memory_held_and_nobody_got_is_counted_as_lost_when_the_exporter_ends(
    bench, server, tmp_path, caplog
):
    server.always = Reply(401)
    (tmp_path / "file").write_text("")
    exporter, stats = bench.exporter(spool_dir=tmp_path / "file" / "xray-sdk")
    exporter.put(step("s1", part(b"x" * 30_000)))
    result = exporter.shutdown(10)
    assert (result.pending, result.dropped) == (0, {NOT_SENT: 2})
    assert f"2 recorded items are lost: {NOT_SENT}" in caplog.text
    server.always = None
    exporter.put(step("s2"))
    result = exporter.flush(20)
    assert (result.delivered, result.pending) == (1, 0)
    assert_adds_up(stats)


def test_what_a_full_disk_left_in_memory_is_counted_as_lost_and_the_rest_waits_on_disk(bench, server):
    server.always = Reply(401)
    source = (
        FULL
        + """
exporter.put(step("s1"))
exporter.flush(20)
limit(0)
for number in range(600):  # more than the journals hold that were there before
    exporter.put(step(f"later-{number}", part(os.urandom(9000))))
result = exporter.shutdown(10)
print(result.pending, sum(result.dropped.values()), stats.snapshot().recorded)
"""
    )
    pending, lost, recorded = map(int, finished(bench.program(source)).split())
    assert pending + lost == recorded
    assert 0 < lost < recorded
    server.always = None
    flushed = flush_spool(bench.config(), 20)
    assert (flushed.delivered, flushed.pending) == (pending, 0)


def test_a_spool_that_is_removed_under_a_living_program_costs_what_was_in_it_alone(bench, server):
    server.always = Reply(401)
    exporter, stats = bench.exporter()
    exporter.put(step("s1"))
    exporter.flush(20)
    exporter.put(step("s2"))
    exporter.flush(20)
    for path in bench.spool_dir.glob("events/*.events.json"):
        path.unlink()
    server.always = None
    exporter.put(step("s3"))
    result = exporter.flush(20)
    assert result.pending == 0
    assert "s3" in steps(server)
    assert_adds_up(stats)


def test_a_record_that_finds_no_room_leaves_no_file_of_its_values_behind(bench, server):
    """Nobody would ever remove such files, so in the end the quota would be full of them."""
    server.always = Reply(401)
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000)
    for number in range(600):
        exporter.put(step(f"s{number}", part(os.urandom(12_000)), part(os.urandom(17_000))))
    exporter.shutdown(20)
    assert stats.snapshot().dropped["the spool was full"] > 0
    assert bench.files("data/*.staged") == []
    assert_adds_up(stats)


def test_a_file_that_cannot_be_removed_is_delivered_and_counted_once(bench, server, monkeypatch):
    exporter, stats = bench.exporter()
    exporter.put(step("s1", part(b"small"), part(b"x" * 30_000)))
    unlink = os.unlink

    def refused(path, *arguments, **options):
        if str(bench.spool_dir) in str(path):
            raise OSError(errno.EROFS, "Read-only file system")
        unlink(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refused)
        result = exporter.flush(20)
        assert (result.delivered, result.pending, result.dropped) == (3, 0, {})
        exporter.put(step("s2"))
        assert exporter.shutdown(20).delivered == 4
    assert sorted(steps(server)) == ["s1", "s2"]
    assert [event["type"] for event in server.accepted].count("data") == 1
    assert_adds_up(stats)


def test_a_flush_in_the_middle_of_packing_waits_for_what_was_recorded_before_it(bench, server, monkeypatch):
    """Also where what is being packed comes to nothing, so that there is nothing to send yet."""
    is_packing, may_go_on = threading.Event(), threading.Event()

    def refused(storage: DiskStorage, name: str, *chunks: bytes) -> None:
        is_packing.set()
        may_go_on.wait(20)
        raise SpoolFullError("no room")

    exporter, stats = bench.exporter(batch_interval_seconds=3600)
    with monkeypatch.context() as patch, ThreadPoolExecutor() as pool:
        patch.setattr(DiskStorage, "write", refused)
        exporter.put(step("first"))
        pool.submit(exporter.flush, 20)
        assert is_packing.wait(20)
        exporter.put(step("second"))
        flushing = pool.submit(exporter.flush, 20)
        wait_until(lambda: exporter._pipeline.flushes)
        patch.undo()
        may_go_on.set()
        result = flushing.result()
    assert (result.delivered, result.pending, result.dropped) == (1, 0, {"the spool was full": 1})
    assert steps(server) == ["second"]
    assert_adds_up(stats)


def test_a_spool_that_large_values_fill_at_once_is_free_again_when_they_are_sent(bench, server):
    """The open journal must be sealed even where there is no room for another, or nothing would ever be packed."""
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000, batch_interval_seconds=3600)
    number = 0
    while not stats.snapshot().dropped:
        exporter.put(step(f"s{number}", part(os.urandom(30_000))))
        number += 1
    first = exporter.flush(20)
    assert first.pending == 0
    exporter.put(step("after", part(os.urandom(30_000))))
    result = exporter.flush(20)
    assert (result.pending, result.dropped) == (0, first.dropped)
    assert steps(server)[-1] == "after"
    assert_adds_up(stats)


@pytest.mark.parametrize("first", ["", "exporter.put(step('warm')); exporter.shutdown(20)"])
def test_what_is_recorded_while_no_file_can_be_opened_is_sent_once_one_can(bench, server, first):
    program = bench.program(
        f"""
        import resource
        {first}
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        held = []
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        for number in range(50):
            exporter.put(step(f"s{{number}}"))
        exporter.flush(0.2)
        for descriptor in held:
            os.close(descriptor)
        deadline = time.monotonic() + 20
        while stats.snapshot().pending and time.monotonic() < deadline:
            exporter.flush(1)
        now = stats.snapshot()
        print(now.pending, sum(now.dropped.values()))
        """
    )
    assert finished(program).strip() == "0 0"
    assert {f"s{number}" for number in range(50)} <= {event["stepId"] for event in server.accepted}
