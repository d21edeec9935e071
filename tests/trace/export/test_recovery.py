"""What a dead process left is delivered once; what belongs to the living or to others is left alone."""

import json
import os
import random
import signal
import threading

import pytest

from tests.trace.export.bench import assert_adds_up, finished, part, step, wait_until
from tests.trace.export.scripted_server import Reply, ScriptedServer
from xray_trace.config import Config
from xray_trace.events import Record, encode_record
from xray_trace.export.batch import batch_body
from xray_trace.export.expander import Expander
from xray_trace.export.frames import to_frame
from xray_trace.export.running_note import RunningNote
from xray_trace.export.spool_name import BATCH, JOURNAL, LATE, RUNNING, SpoolName, blob_name

DEAD = "d" * 32


def event(step_id: str) -> bytes:
    return Expander("").expand(step(step_id))[0]


def steps(server: ScriptedServer) -> list[str]:
    return [event["stepId"] for event in server.accepted if event["type"] == "step"]


def killed(program) -> None:
    program.kill()
    program.communicate(timeout=30)


def recovered(bench) -> dict[str, int]:
    """Start an exporter that has nothing of its own to send; return what it took over and lost."""
    exporter, stats = bench.exporter()
    exporter.resume()
    exporter.flush(30)
    assert_adds_up(stats)
    now = stats.snapshot()
    assert now.pending == 0
    exporter.shutdown(10)
    return {"adopted": now.adopted, **now.dropped}


def leave(bench, suffix: str, content: bytes, sequence: int = 1, destination: str | None = None) -> str:
    name = str(SpoolName(destination or bench.config().destination, DEAD, sequence, 0, suffix))
    path = bench.spool_dir / name
    for folder in ("events", "data", "rejected"):
        (bench.spool_dir / folder).mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def test_nothing_is_lost_or_doubled_when_programs_are_killed_at_any_moment(bench, server):
    """A step is printed once its `put` has returned; each that was printed must arrive, and once."""
    server.always = Reply(503)
    printed: set[str] = set()
    for run in range(8):
        program = bench.program(
            """
            for number in range(10**9):
                name = f"{sys.argv[1]}-{number}"
                exporter.put(step(name, part(name.encode() * 20), *([part(os.urandom(30_000))] if number % 50 == 0 else [])))
                os.write(1, name.encode() + b"\\n")
            """,  # noqa: E501
            str(run),
            batch_interval_seconds=0.02,
        )
        wanted = random.Random(run).randrange(1, 400)
        lines = [program.stdout.readline().strip().decode() for _ in range(wanted)]
        program.send_signal(signal.SIGKILL)
        lines += [line.decode() for line in program.stdout.read().split(b"\n")[:-1]]
        program.communicate(timeout=30)
        printed.update(lines)
    server.heal()
    found = recovered(bench)
    arrived = steps(server)
    assert len(arrived) == len(set(arrived))
    assert printed <= set(arrived)
    assert len(set(arrived) - printed) <= 8  # a `put` that returned, with its print cut off
    named = {a["dataId"] for event in server.accepted for a in event.get("artifacts", [])}
    sent = {event["dataId"] for event in server.accepted if event["type"] == "data"} | set(server.blobs)
    assert named <= sent
    torn = found.pop("a record in the spool was damaged", 0)  # a kill struck in the middle of a copy
    assert found == {"adopted": len(server.accepted) + len(server.blobs) + torn}
    assert torn <= 8
    assert bench.files() == []


def test_what_a_living_program_has_is_left_alone(bench, server):
    server.always = Reply(401)
    program = bench.program(
        """
        exporter.put(step("theirs", part(b"x" * 30_000)))
        exporter.flush(20)
        exporter.put(step("open"))
        print("ready", flush=True)
        time.sleep(60)
        """
    )
    try:
        program.stdout.readline()
        server.heal()
        assert recovered(bench) == {"adopted": 0}
        assert steps(server) == []
    finally:
        killed(program)
    assert recovered(bench) == {"adopted": 3}
    assert sorted(steps(server)) == ["open", "theirs"]
    assert len(server.blobs) == 1


def test_many_programs_that_start_at_once_adopt_each_thing_once(bench, server):
    program = bench.program("[exporter.put(step(f's{n}', part(b'%d' % n))) for n in range(50)]; os._exit(1)")
    program.communicate(timeout=30)
    exporters = [bench.exporter() for _ in range(4)]
    starts = [threading.Thread(target=exporter.resume) for exporter, _ in exporters]
    for start in starts:
        start.start()
    for start in starts:
        start.join(30)
    for exporter, _ in exporters:
        exporter.flush(30)
    assert sum(stats.snapshot().adopted for _, stats in exporters) == 100
    assert sorted(steps(server)) == sorted(f"s{n}" for n in range(50))


def test_two_programs_that_start_at_once_adopt_each_thing_once(bench, server):
    program = bench.program("[exporter.put(step(f's{n}', part(b'%d' % n))) for n in range(50)]; os._exit(1)")
    program.communicate(timeout=30)
    source = "exporter.resume(); exporter.flush(30); print(stats.snapshot().adopted)"
    programs = [bench.program(source) for _ in range(3)]
    assert sum(int(finished(program)) for program in programs) == 100
    assert sorted(steps(server)) == sorted(f"s{n}" for n in range(50))


def test_a_program_with_another_key_or_server_never_sends_what_is_not_its_own(bench, server):
    other = ScriptedServer()
    try:
        server.always = other.always = Reply(503)
        for url, key in ((server.url, "key-1"), (server.url, "key-2"), (other.url, "key-1")):
            source = f"""
            from dataclasses import replace
            exporter = Exporter(replace(config, base_url={url!r}, api_key={key!r}), stats)
            exporter.put(step("{url} {key}", part(b"x" * 30_000)))
            os._exit(0)
            """
            finished(bench.program(source))
        server.always = other.always = None
        exporter, stats = bench.exporter(api_key="key-2")
        exporter.resume()
        exporter.flush(20)
        assert stats.snapshot().adopted == 2
        assert steps(server) == [f"{server.url} key-2"]
        assert {request.headers["x-api-key"] for request in server.posts()} == {"key-2"}
        assert other.requests == []
        assert recovered(bench) == {"adopted": 2}
        assert sorted(steps(server)) == [f"{server.url} key-1", f"{server.url} key-2"]
    finally:
        other.close()


def test_a_torn_record_costs_that_record_and_no_other(bench, server):
    program = bench.program("[exporter.put(step(f's{n}')) for n in range(20)]; os._exit(1)")
    program.communicate(timeout=30)
    (name,) = [n for n in bench.files("events/*.open") if b"s19" in (bench.spool_dir / n).read_bytes()]
    path = bench.spool_dir / name
    content = bytearray(path.read_bytes())
    place = content.index(b"\xa2s7")  # MessagePack: a text of two bytes
    content[place : place + 3] = b"\0\0\0"
    path.write_bytes(content)
    assert recovered(bench) == {"adopted": 20, "a record in the spool was damaged": 1}
    assert sorted(steps(server)) == sorted(f"s{n}" for n in range(20) if n != 7)


def test_a_bad_line_in_a_batch_costs_that_line_and_no_other(bench, server):
    events = [event("good-1"), b'{"type":"step","stepId', b"\xff\xfe", b'{"no":"type"}', event("good-2")]
    leave(bench, BATCH, batch_body(events))
    assert recovered(bench) == {"adopted": 5, "an event in the spool was damaged": 3}
    assert steps(server) == ["good-1", "good-2"]


def test_a_batch_that_was_cut_off_gives_the_lines_it_has(bench, server):
    leave(bench, BATCH, batch_body([event("s1"), event("s2")])[:-30])
    assert recovered(bench) == {"adopted": 2, "an event in the spool was damaged": 1}
    assert steps(server) == ["s1"]


@pytest.mark.parametrize("content", [b"", bytes(5000), b"garbage" * 1000, os.urandom(4096)], ids=len)
def test_a_journal_of_garbage_harms_nobody(bench, server, content):
    leave(bench, JOURNAL, content)
    leave(bench, BATCH, batch_body([event("s1")]), sequence=2)
    recovered(bench)
    assert steps(server) == ["s1"]
    assert bench.files() == []


def test_what_is_not_ours_in_the_directory_stays_as_it_is(bench, server, tmp_path):
    leave(bench, BATCH, batch_body([event("s1")]))
    outside = tmp_path / "outside"
    outside.write_text("the user's")
    foreign = {"events/notes.txt": b"x", "data/.hidden": b"y", "events/zz.events.json": b"{}", "data/a.data.bin": b"z"}
    for name, content in foreign.items():
        (bench.spool_dir / name).write_bytes(content)
    link = bench.spool_dir / str(SpoolName(bench.config().destination, DEAD, 9, 0, BATCH))
    link.symlink_to(outside)
    (bench.spool_dir / "events" / "folder.open").mkdir()
    recovered(bench)
    assert steps(server) == ["s1"]
    assert {name: (bench.spool_dir / name).read_bytes() for name in foreign} == foreign
    assert outside.read_text() == "the user's"


def test_a_blob_that_was_cut_off_is_not_sent(bench, server):
    server.always = Reply(503)
    program = bench.program(
        "exporter.put(step('s1', part(b'x' * 30_000))); exporter.flush(20); os._exit(0)", max_attempts=1
    )
    finished(program)
    (name,) = bench.files("data/*")
    path = bench.spool_dir / name
    path.write_bytes(path.read_bytes()[:-1])
    server.heal()
    assert recovered(bench) == {"adopted": 2, "a value in the spool was damaged": 1}
    assert server.blobs == {}


def test_a_value_that_the_process_took_with_it_is_told_of_and_counted(bench, server):
    program = bench.program(
        """
        reference = Part("big", "input", "", None, b'{"type":"list","late":true}', b"{}", "late-1")
        value = LateValue("trace", "late-1", "big", b"{}", lambda: time.sleep(60))
        exporter.put_late(value)
        exporter.put(step("s1", reference))
        os._exit(0)
        """
    )
    finished(program)
    assert recovered(bench) == {"adopted": 3, "a large value was lost with its process": 1}
    (lost,) = [event for event in server.accepted if event["type"] == "data"]
    assert lost["dataId"] == "late-1"
    assert "ended before" in lost["metadata"]["lost"]
    assert bench.files() == []


def test_an_adopter_that_dies_on_the_way_leaves_the_rest_to_the_next(bench, server):
    """The journal is packed and its batch written, but the journal is still there: packing again adds nothing."""
    server.always = Reply(503)
    program = bench.program(
        """
        exporter.put(step("s1", part(b"x" * 30_000), part(b"small", "small")))
        from xray_trace.export.ledger import Ledger
        Ledger.settle_journal = lambda *arguments: os._exit(0)
        exporter.flush(20)
        """
    )
    finished(program)
    assert len(bench.files("events/*.events.json")) == 1
    assert len(bench.files("data/*.data.bin")) == 1
    server.heal()
    assert recovered(bench) == {"adopted": 3}
    assert steps(server) == ["s1"]
    assert len(server.blobs) == 1
    assert bench.files() == []


def test_a_living_exporter_adopts_without_being_restarted(bench, server, monkeypatch):
    monkeypatch.setattr("xray_trace.export.background._ADOPTION_SECONDS", 0.05)
    exporter, _ = bench.exporter(batch_interval_seconds=0.05)
    exporter.put(step("mine"))
    finished(bench.program("exporter.put(step('theirs')); os._exit(0)"))
    wait_until(lambda: sorted(steps(server)) == ["mine", "theirs"])


def test_the_same_name_from_two_programs_is_no_danger(bench, server):
    """Both continued one trace and hold the same large content, which has one name."""
    server.always = Reply(503)
    source = "exporter.put(step(sys.argv[1], part(b'x' * 30_000))); exporter.flush(20); os._exit(0)"
    finished(bench.program(source, "s1", max_attempts=1))
    finished(bench.program(source, "s2", max_attempts=1))
    server.heal()
    recovered(bench)
    assert sorted(steps(server)) == ["s1", "s2"]
    assert list(server.blobs) == [event["artifacts"][0]["dataId"] for event in server.accepted[:1]]


def test_a_blob_names_its_destination_and_never_the_key(bench, server):
    server.always = Reply(503)
    finished(
        bench.program("exporter.put(step('s1', part(b'x' * 30_000))); exporter.flush(20); os._exit(0)", max_attempts=1)
    )
    for name in bench.files():
        assert b"key-1" not in (bench.spool_dir / name).read_bytes()
    header = json.loads((bench.spool_dir / bench.files("data/*")[0]).read_bytes().split(b"\n")[0])
    assert header["destination"] == Config(api_key="key-1", base_url=server.url).destination
    assert bench.files("data/*") == [blob_name(header["dataId"])]


TWO_HUNDRED_KB = """
for name in (f"{sys.argv[1]}-{number}" for number in range(30)):
    exporter.put(step(name, part(name.encode() * 2000)))
os._exit(0)
"""


def test_what_was_adopted_and_delivered_takes_no_room_any_more(bench, server, monkeypatch):
    """A program that outlives many others must not come to think its spool full."""
    monkeypatch.setattr("xray_trace.export.background._ADOPTION_SECONDS", 0.05)
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000, batch_interval_seconds=0.05)
    for run in range(8):
        finished(bench.program(TWO_HUNDRED_KB, str(run)))
        exporter.put(step(f"mine-{run}"))
        wait_until(lambda last=f"{run}-29": last in steps(server))
    assert stats.snapshot().dropped == {}


def test_what_an_adopter_had_half_written_when_it_was_killed_costs_nothing(bench, server):
    finished(bench.program(TWO_HUNDRED_KB, "s"))
    for name in bench.files("events/*.open"):
        parsed = SpoolName.parse(name)
        half = str(parsed._replace(suffix=BATCH)) + ".tmp"
        (bench.spool_dir / half).write_bytes(b'{"events":[')
    assert recovered(bench) == {"adopted": 60}
    assert sorted(steps(server)) == sorted(f"s-{n}" for n in range(30))
    assert bench.files() == []


def test_journals_wait_for_the_next_adopter_where_the_disk_has_no_room_to_pack_them(bench, server):
    server.always = Reply(503)
    finished(bench.program(TWO_HUNDRED_KB, "s"))
    small_disk = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    exporter.resume()
    print(exporter.flush(20).pending)
    os._exit(0)
    """
    assert finished(bench.program(small_disk)).strip() == "0"
    server.heal()
    assert recovered(bench) == {"adopted": 60}
    assert sorted(steps(server)) == sorted(f"s-{n}" for n in range(30))
    assert len(server.accepted) == 60


def test_the_same_adopter_packs_a_journal_whole_once_the_disk_has_room(bench, server):
    finished(bench.program(TWO_HUNDRED_KB, "s"))
    program = bench.program(
        """
        import resource
        import xray_trace.export.background as background
        background._ADOPTION_SECONDS = 0.05
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        exporter.resume()
        print("full", exporter.flush(20).pending, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        deadline = time.monotonic() + 20
        while stats.snapshot().delivered < 60 and time.monotonic() < deadline:
            exporter.flush(1)
        print("free", stats.snapshot().delivered, stats.snapshot().dropped)
        """,
        batch_interval_seconds=0.05,
    )
    assert finished(program).splitlines() == ["full 0", "free 60 {}"]
    assert len([event for event in server.accepted if event["type"] == "data"]) == 30


def test_the_quota_takes_the_oldest_first_but_for_the_four_that_are_on_their_way(bench, server):
    server.always = Reply(503)
    leave = """
for number in range(40):
    exporter.put(step(f"{number}", part(os.urandom(10_000))))
    exporter.flush(20)  # each makes a batch
os._exit(0)
"""
    finished(bench.program(leave, max_attempts=1))
    exporter, stats = bench.exporter(max_spool_bytes=1_000_000, max_attempts=1)
    for number in range(40, 80):
        exporter.put(step(f"{number}", part(os.urandom(10_000))))
        exporter.flush(20)
    server.always = None
    exporter.flush(20)
    assert stats.snapshot().dropped.keys() == {"the spool was full"}
    kept = {int(name) for name in steps(server)}
    lost = set(range(80)) - kept
    assert stats.snapshot().dropped["the spool was full"] == 2 * len(lost) > 0
    assert len([number for number in kept if number < max(lost)]) <= 4


@pytest.mark.parametrize("stray", ["data/{}-00000002.0.open", "events/{}-000000002.0.events.json", "events/{}.late"])
def test_a_file_that_only_looks_like_one_of_the_spool_keeps_nothing_from_being_sent(bench, server, stray):
    leave(bench, BATCH, batch_body([event("s")]))
    path = bench.spool_dir / stray.format(f"{bench.config().destination}-{DEAD}")
    path.write_bytes(b"nothing of ours")
    assert recovered(bench) == {"adopted": 1}
    assert steps(server) == ["s"]
    assert path.read_bytes() == b"nothing of ours"


@pytest.mark.parametrize("owner", ["", "a\0b", "../../elsewhere", "D" * 32])
def test_a_blob_whose_owner_cannot_be_one_keeps_nothing_from_being_sent(bench, server, tmp_path, owner):
    leave(bench, BATCH, batch_body([event("s")]))
    header = {"destination": bench.config().destination, "owner": owner, "dataId": "x", "traceId": "t", "key": "k"}
    header |= {"contentType": "text/plain", "metadata": {}, "sha256": "", "sizeBytes": 0}
    (bench.spool_dir / blob_name("x")).write_bytes(json.dumps(header).encode() + b"\n")
    assert recovered(bench) == {"adopted": 1}
    assert steps(server) == ["s"]
    assert bench.files() == [blob_name("x")]
    assert not list(tmp_path.glob("*.lock"))


def test_notes_that_tell_nothing_are_counted_and_keep_nothing_from_being_sent(bench, server):
    leave(bench, BATCH, batch_body([event("s")]))
    for sequence in (2, 3):
        leave(bench, RUNNING, RunningNote(5.0, Record("t", b"{nothing")).encode(), sequence)
    assert recovered(bench) == {"adopted": 3, "a note of what was running was damaged": 2}
    assert steps(server) == ["s"]
    assert bench.files() == []


def test_a_late_value_whose_notice_is_damaged_is_counted_as_lost(bench, server):
    leave(bench, LATE, b"{nothing")
    assert recovered(bench) == {"adopted": 1, "the notice of a large value was damaged": 1}
    assert bench.files("*/*.late") == []


def test_a_blob_whose_header_has_no_room_for_a_new_owner_is_counted_as_damaged(bench, server):
    leave(bench, BATCH, batch_body([event("s")]))
    header = {"destination": bench.config().destination, "owner": DEAD, "dataId": "x", "traceId": "t", "key": "k"}
    header |= {"contentType": "text/plain", "metadata": {}, "sha256": "", "sizeBytes": 1}
    content = json.dumps(header, separators=(",", ":")).encode() + b"\n1"
    (bench.spool_dir / blob_name("x")).write_bytes(content)
    assert recovered(bench) == {"adopted": 2, "a value in the spool was damaged": 1}
    assert steps(server) == ["s"]
    assert bench.files("data/*") == []


def test_what_is_left_to_another_after_all_takes_no_room(bench, server):
    for sequence, size in ((1, 100), (2, 60_000)):
        payload = encode_record(step(f"s{sequence}", part(b"1" * size)))
        leave(bench, JOURNAL, to_frame(payload), sequence)
    program = bench.program(
        f"""
        import resource
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        exporter.resume()
        exporter.flush(20)
        disk = exporter._pipeline.disk
        left = [path.stat().st_size for path in Path(config.spool_dir).glob("events/*{DEAD}*.json")]
        print(len(left), disk.used_bytes)
        """,
        inline_max_bytes=100_000,
    )
    assert finished(program).split() == ["1", "0"]
