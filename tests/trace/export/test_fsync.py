"""With `fsync`, the disk itself has every batch and value before the journal they came from is removed."""

import os
from pathlib import Path

import pytest

from tests.trace.export.bench import assert_adds_up, finished, part, step
from tests.trace.export.scripted_server import Reply
from xray_trace.events import ContentStream, LateValue, Part

BIG = 300_000


@pytest.fixture
def synced(monkeypatch) -> list[str]:
    """The files and folders that were synced so far; a `!` is before those that were removed, in the same order."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not tell which file a descriptor is of")
    done: list[str] = []
    sync, unlink = os.fsync, os.unlink

    def spy_sync(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def spy_unlink(path, *arguments, **options) -> None:
        done.append(f"!{path}")
        unlink(path, *arguments, **options)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "unlink", spy_unlink)
    return done


def first(log: list[str], start: str, end: str) -> int:
    return next(place for place, entry in enumerate(log) if entry.startswith(start) and entry.endswith(end))


def test_journal_batch_and_value_are_synced_before_the_journal_goes(bench, server, synced):
    server.always = Reply(503)
    exporter, stats = bench.exporter(fsync=True, max_attempts=1)
    exporter.put(step("s1", part(b"x" * BIG)))
    assert [entry for entry in synced if not entry.startswith("!") and Path(entry).is_file()] == []
    exporter.flush(20)
    spool = str(bench.spool_dir)
    gone = first(synced, f"!{spool}/events/", ".open")
    journal = first(synced, f"{spool}/events/", ".open")
    assert first(synced, f"{spool}/data/", ".staged") < journal < gone
    assert first(synced, f"{spool}/data/", ".data.bin") < gone
    assert first(synced, f"{spool}/events/", ".events.json.tmp") < gone
    for folder in (f"{spool}/events", f"{spool}/data"):
        assert folder in synced[:gone]
    server.always = None
    assert exporter.flush(20).pending == 0
    assert_adds_up(stats)


def test_a_late_value_is_synced_before_a_record_names_it(bench, server, synced):
    exporter, stats = bench.exporter(fsync=True)
    value = LateValue("trace", "late-1", "big", b"{}", lambda: ContentStream("text/plain", iter([b"x" * BIG])))
    exporter.put_late(value)
    exporter.put(step("s1", Part("big", "input", "", None, b"{}", b"{}", "late-1")))
    assert exporter.flush(20).pending == 0
    spool = str(bench.spool_dir)
    assert first(synced, f"{spool}/data/", ".staged.tmp") < first(synced, f"!{spool}/data/", ".staged")
    assert server.blobs["late-1"].body == b"x" * BIG
    assert_adds_up(stats)


def test_without_the_setting_nothing_waits_for_the_disk(bench, server, synced):
    exporter, _ = bench.exporter()
    exporter.put(step("s1", part(b"x" * BIG)))
    assert exporter.flush(20).pending == 0
    assert [entry for entry in synced if not entry.startswith("!")] == []


def test_what_a_killed_program_left_is_delivered_with_the_setting_too(bench, server):
    server.always = Reply(503)
    program = bench.program(
        """
        exporter.put(step("s1", part(b"x" * 100_000)))
        exporter.flush(20)
        exporter.put(step("s2", part(b"y" * 100_000)))
        os._exit(0)
        """,
        fsync=True,
        max_attempts=1,
    )
    finished(program)
    server.always = None
    exporter, stats = bench.exporter(fsync=True)
    exporter.resume()
    exporter.put(step("s3"))
    exporter.flush(30)
    exporter.shutdown(10)
    assert sorted(event["stepId"] for event in server.accepted if event["type"] == "step") == ["s1", "s2", "s3"]
    assert len(server.blobs) == 2
    assert bench.files() == []
    assert_adds_up(stats)
