"""What was still running when a process died is told once, and nothing that had ended is declared dead."""

import math
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import Counter

import pytest

from tests.trace.export.bench import ROOT, Bench, finished, wait_until
from tests.trace.export.scripted_server import Reply, ScriptedServer
from xray_trace.events import Record
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.families import Families, Family
from xray_trace.export.inspection import purge, spool_entries
from xray_trace.export.running_note import RunningNote
from xray_trace.export.running_notes import LOOK_SECONDS, RunningNotes
from xray_trace.export.spool_name import LOCK, RUNNING, SpoolName
from xray_trace.recorder.running_scopes import RunningScopes

HEAD = """
import os, sys, threading, time, random
sys.path.insert(0, {root!r})
import xray_trace as xray
import xray_trace.export.running_notes as notes
import xray_trace.recorder.running_scopes as scopes

def noted(count):
    folder = os.path.join({spool!r}, "events")
    deadline = time.monotonic() + 20
    while len([name for name in os.listdir(folder) if name.endswith(".running")]) != count:
        assert time.monotonic() < deadline, os.listdir(folder)
        time.sleep(0.01)

def soon():
    '''Look so often that what takes a second in life takes a blink in a test.'''
    notes.LOOK_SECONDS = scopes.LONG_SECONDS = 0.01
"""


def traced(bench: Bench, source: str, *arguments: str, stdin: bool = False, **variables: str) -> subprocess.Popen:
    """Start a program that records as users' programs do."""
    env = {
        **os.environ,
        "XRAY_API_KEY": "key-1",
        "XRAY_BASE_URL": bench.url,
        "XRAY_SPOOL_DIR": str(bench.spool_dir),
        "XRAY_BATCH_INTERVAL_SECONDS": "0.05",
        **variables,
    }
    code = HEAD.format(root=str(ROOT), spool=str(bench.spool_dir)) + textwrap.dedent(source)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env=env,
        stdin=subprocess.PIPE if stdin else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def killed(program: subprocess.Popen) -> None:
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=30)


def recover(bench: Bench) -> dict[str, int]:
    """Have another program deliver what is left; return what it took over and lost."""
    exporter, stats = bench.exporter()
    exporter.resume()
    exporter.flush(30)
    exporter.shutdown(10)
    now = stats.snapshot()
    assert now.pending == 0
    return {"adopted": now.adopted, **now.dropped}


def ends(server: ScriptedServer) -> dict[str, list[str]]:
    """Return for each step by name which final events came, in order."""
    found: dict[str, list[str]] = {}
    for event in server.accepted:
        if event["type"] in ("step", "step-error") and not event.get("pending"):
            found.setdefault(event["stepName"], []).append(event["type"])
    return found


def pending(server: ScriptedServer) -> list[dict]:
    return [event for event in server.accepted if event.get("pending")]


def test_a_step_that_runs_for_a_second_is_told_of_once_with_its_inputs(bench, server):
    program = traced(
        bench,
        """
        with xray.trace("t"), xray.step("long", metadata={"model": "v3"}) as step:
            step.input({"a": 1}, "context")
            sys.stdin.readline()
        """,
        stdin=True,
    )
    try:
        (event,) = wait_until(lambda: pending(server))
        assert (event["stepName"], event["stepNumber"], event["metadata"]) == ("long", 1, {"model": "v3"})
        assert event["inputs"] == {"context": {"type": "dict", "length": 1, "bytes": 7}}
        assert "durationMs" not in event
        assert event["stepId"]
        entries = [entry for entry in spool_entries(bench.config()) if entry.kind == "running"]
        entry = min(entries, key=lambda entry: entry.name)  # the step's, which was told of before the trace
        assert entry.alive
    finally:
        killed(program)
    assert len(pending(server)) == 1


def test_a_killed_programs_step_becomes_a_step_error_and_its_trace_a_failure(bench, server):
    program = traced(
        bench,
        """
        with xray.trace("t"), xray.step("long") as step:
            step.input({"a": 1}, "context")
            step.input("x" * 50_000, "large")
            noted(2)
            print("noted", flush=True)
            time.sleep(60)
        """,
    )
    assert program.stdout.readline() == b"noted\n"
    killed(program)
    recover(bench)
    (event,) = [event for event in server.accepted if event["type"] == "step-error"]
    assert event["metadata"] == {
        "error": "the process ended while this step was running",
        "errorType": "ProcessEnded",
    }
    assert event["inputs"]["context"] == {"type": "dict", "length": 1, "bytes": 7}
    assert event["durationMs"] > 990  # by two clocks that differ by microseconds
    named = {artifact["dataId"] for artifact in event["artifacts"]}
    assert named == {e["dataId"] for e in server.accepted if e["type"] == "data"} | set(server.blobs)
    assert len(server.blobs) == 1
    (failure,) = [event for event in server.accepted if event["type"] == "trace-failure"]
    assert failure["failureMetadata"]["errorType"] == "ProcessEnded"
    assert failure["endedAt"] > failure["createdAt"] + 990
    assert bench.files() == []


def test_a_step_without_a_trace_takes_its_own_trace_with_it(bench, server):
    program = traced(bench, "soon()\nwith xray.step('alone'):\n    noted(2)\n    os._exit(0)")
    finished(program)
    recover(bench)
    assert ends(server) == {"alone": ["step-error"]}
    told = [event["type"] for event in server.accepted if event["type"].startswith("trace-")]
    assert sorted(told) == ["trace-failure", "trace-start"]


def test_a_large_input_of_a_step_that_ends_well_is_uploaded_once(bench, server):
    program = traced(
        bench,
        """
        soon()
        with xray.trace("t"), xray.step("long") as step:
            step.input("x" * 50_000, "large")
            noted(2)
            xray.flush(20)
        xray.shutdown(20)
        """,
    )
    finished(program)
    assert ends(server) == {"long": ["step"]}
    assert len([request for request in server.requests if request.method == "PUT"]) == 1
    finals = [event for event in server.accepted if event["type"] == "step"]
    assert finals[0]["artifacts"] == finals[1]["artifacts"]
    assert bench.files() == []


def test_a_step_that_took_less_than_a_second_leaves_nothing(bench, server):
    program = traced(bench, "with xray.trace('t'), xray.step('short'):\n    time.sleep(0.5)\n    os._exit(0)")
    finished(program)
    recover(bench)
    assert [event["type"] for event in server.accepted] == ["trace-start"]


TORN = "a record in the spool was damaged"  # a kill may strike while a record is copied; its call had not returned

RACE = """
soon()
xray.configure(max_spool_bytes=10**9)
def work():
    while True:
        name = os.urandom(8).hex()
        with xray.step(name) as step:
            step.input(name, "name")
            if random.random() < 0.5:
                time.sleep(random.random() * 0.03)
        os.write(1, name.encode() + b"\\n")
with xray.trace("t"), xray.step(f"stuck-{sys.argv[1]}"):
    while xray.stats().recorded < 2:  # the trace's start, and the pending record, which comes behind the note
        time.sleep(0.01)
    threads = [threading.Thread(target=xray.carry(work)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(600)
"""


def test_no_step_that_returned_is_declared_dead_when_its_end_and_its_pending_record_race(bench, server):
    """The kill strikes at any moment of it; nothing was sent before, so each end is on the disk."""
    server.always = Reply(503)
    chosen = random.Random()
    returned: set[str] = set()
    for run in range(6):
        program = traced(bench, RACE, str(run))
        for _ in range(chosen.randrange(1, 600)):
            program.stdout.readline()
        program.send_signal(signal.SIGKILL)
        returned.update(line.decode() for line in program.communicate(timeout=30)[0].split(b"\n")[:-1])
    server.always = None
    lost = {reason for reason in recover(bench) if reason not in ("adopted", TORN)}
    assert lost == set()
    found = ends(server)
    assert {name: kinds for name, kinds in found.items() if len(kinds) > 1} == {}
    assert {name: found.get(name) for name in returned if found.get(name) != ["step"]} == {}
    assert all(found[f"stuck-{run}"] == ["step-error"] for run in range(6))
    assert bench.files() == []


def test_ends_that_race_with_pending_records_leave_no_note_and_add_up(bench, server):
    program = traced(
        bench,
        """
        soon()
        def work():
            for number in range(150):
                with xray.step("s"):
                    time.sleep(random.random() * 0.03)
        with xray.trace("t"):
            threads = [threading.Thread(target=xray.carry(work)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        noted(0)
        result = xray.shutdown(20)
        now = xray.stats()
        print(result.pending, now.recorded - now.delivered, now.swallowed, result.dropped)
        """,
        XRAY_MAX_SPOOL_BYTES="1000000000",
    )
    assert finished(program, 90).strip() == "0 0 0 {}"
    finals = Counter(e["stepId"] for e in server.accepted if e["type"] == "step" and not e.get("pending"))
    assert len(finals) == 8 * 150
    assert set(finals.values()) == {1}
    told = Counter(event["stepId"] for event in pending(server))
    assert told
    assert set(told.values()) == {1}
    assert bench.files() == []


def test_a_daemon_thread_that_is_in_a_step_at_the_programs_end_is_told_of(bench, server):
    program = traced(
        bench,
        """
        soon()
        def work():
            with xray.step("daemon"):
                time.sleep(60)
        with xray.trace("t"):
            threading.Thread(target=xray.carry(work), daemon=True).start()
            noted(2)
        """,
    )
    finished(program)
    assert ends(server) == {}
    assert len(bench.files("events/*.running")) == 1
    recover(bench)
    assert ends(server) == {"daemon": ["step-error"]}
    assert [e["type"] for e in server.accepted if e["type"].startswith("trace-")] == ["trace-start", "trace-success"]
    assert bench.files() == []


def test_a_step_that_ends_after_the_shutdown_is_not_declared_dead(bench, server):
    """The record of its end lies in files of another owner than the note does."""
    server.always = Reply(503)
    program = traced(
        bench,
        """
        soon()
        with xray.trace("t"), xray.step("late") as step:
            noted(2)
            xray.shutdown(0.2)
            step.end()
            os._exit(0)
        """,
    )
    finished(program)
    server.always = None
    recover(bench)
    assert ends(server) == {"late": ["step"]}
    assert bench.files() == []


def test_a_step_that_runs_on_after_a_shutdown_belongs_to_the_living(bench, server):
    program = traced(
        bench,
        """
        soon()
        with xray.trace("t"), xray.step("on") as step:
            noted(2)
            xray.shutdown(20)
            print("shut", flush=True)
            sys.stdin.readline()
            xray.annotate(more=1)
            with xray.step("another"):
                pass
            xray.flush(20)
            print("flushed", len([n for n in os.listdir(sys.argv[1]) if n.endswith(".running")]), flush=True)
            sys.stdin.readline()
        xray.shutdown(20)
        """,
        str(bench.spool_dir / "events"),
        stdin=True,
    )
    assert program.stdout.readline() == b"shut\n"
    recover(bench)
    assert ends(server) == {}
    program.stdin.write(b"\n")
    program.stdin.flush()
    assert program.stdout.readline() == b"flushed 2\n"
    recover(bench)
    assert ends(server) == {"another": ["step"]}
    program.stdin.write(b"\n")
    finished(program)
    assert ends(server) == {"another": ["step"], "on": ["step"]}
    assert bench.files() == []


def test_a_child_that_is_forked_in_a_step_takes_nothing_of_it_along(bench, server):
    program = traced(
        bench,
        """
        soon()
        with xray.trace("t"), xray.step("parents"):
            noted(2)
            child = os.fork()
            if child == 0:
                with xray.step("childs"):
                    noted(3)
                    os._exit(0)
            os.waitpid(child, 0)
            noted(3)
            print("forked", flush=True)
            sys.stdin.readline()
        xray.shutdown(20)
        """,
        stdin=True,
    )
    assert program.stdout.readline() == b"forked\n"
    recover(bench)
    assert ends(server) == {"childs": ["step-error"]}, "the child is dead, its parent is not"
    program.stdin.write(b"\n")
    finished(program)
    assert ends(server) == {"childs": ["step-error"], "parents": ["step"]}
    assert bench.files() == []


def test_a_trace_that_is_dropped_without_an_end_leaves_no_note(bench, server):
    program = traced(
        bench,
        """
        soon()
        tracer = xray.configure()
        trace = tracer.create_trace()
        noted(1)
        del trace
        noted(0)
        os._exit(0)
        """,
    )
    finished(program)
    recover(bench)
    assert [event["type"] for event in server.accepted] == ["trace-start"]


def test_a_trace_that_ended_is_not_told_as_failed(bench, server):
    server.always = Reply(503)
    program = traced(
        bench,
        """
        soon()
        with xray.trace("t"):
            noted(1)
            notes.RunningNotes.look = lambda self: None
        os._exit(0)
        """,
    )
    finished(program)
    assert len(bench.files("events/*.running")) == 1
    server.always = None
    recover(bench)
    assert [event["type"] for event in server.accepted] == ["trace-start", "trace-success"]
    assert bench.files() == []


def test_where_there_is_no_room_for_notes_it_is_counted_and_harms_nothing(bench, server):
    program = traced(
        bench,
        """
        soon()
        NO_ROOM = "what was running found no room in the spool"
        def work(i):
            with xray.step("s", metadata={"text": "x" * 20_000}):
                is_over.wait(30)
        is_over = threading.Event()
        with xray.trace("t"):
            threads = [threading.Thread(target=xray.carry(work), args=(i,)) for i in range(100)]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + 20
            while NO_ROOM not in xray.stats().dropped and time.monotonic() < deadline:
                time.sleep(0.01)
            is_over.set()
            for thread in threads:
                thread.join()
        noted(0)
        xray.shutdown(20)
        now = xray.stats()
        print(now.swallowed, NO_ROOM in now.dropped)
        """,
        XRAY_MAX_SPOOL_BYTES="1000000",
    )
    assert finished(program).strip() == "0 True"


def test_notes_of_a_process_that_goes_on_under_another_name_are_not_believed(bench, server, monkeypatch):
    """It took the new name between our look at the directory and its giving up of the former one."""
    former, present = (f"{'a' * 16}{number:016x}" for number in (1, 2))
    destination = bench.config().destination
    event = b'{"type":"step-error","stepId":"s","traceId":"t","stepName":"s","stepNumber":1,"timestamp":1}'
    for folder in ("events", "data"):
        (bench.spool_dir / folder).mkdir(parents=True)
    note = bench.spool_dir / str(SpoolName(destination, former, 1, 0, RUNNING))
    note.write_bytes(RunningNote(5.0, Record("t", event)).encode())
    lock = bench.spool_dir / str(SpoolName(destination, present, 0, 0, LOCK))
    living = traced(
        bench,
        """
        from pathlib import Path
        from xray_trace.export.ownership import OwnerLock
        lock = OwnerLock.create(Path(sys.argv[1]))
        print("locked", flush=True)
        sys.stdin.readline()
        """,
        str(lock),
        stdin=True,
    )
    assert living.stdout.readline() == b"locked\n"
    monkeypatch.setattr(Families, "listed", lambda self: [Family([former], 0)])
    assert recover(bench) == {"adopted": 0}
    killed(living)
    monkeypatch.undo()
    assert recover(bench) == {"adopted": 1}
    assert ends(server) == {"s": ["step-error"]}


@pytest.mark.parametrize("place", ["remove", "take_over"])
def test_an_adopter_that_is_killed_on_the_way_leaves_each_step_told_once(bench, server, place):
    server.always = Reply(503)
    source = """
        soon()
        def work(i):
            with xray.step(f"s{i}"):
                time.sleep(60)
        with xray.trace("t"):
            for i in range(5):
                threading.Thread(target=xray.carry(work), args=(i,), daemon=True).start()
            noted(6)
            os._exit(0)
        """
    finished(traced(bench, source))
    adopter = bench.program(
        f"""
        from xray_trace.export.disk_storage import DiskStorage
        act = DiskStorage.{place}
        def act_twice(self, name, *more, count=[0]):
            count[0] += name.endswith(".running") or {place!r} == "take_over"
            if count[0] == 3 or {place!r} == "take_over":
                os._exit(0)
            act(self, name, *more)
        DiskStorage.{place} = act_twice
        exporter.resume()
        time.sleep(30)
        """
    )
    finished(adopter)
    server.heal()
    assert recover(bench) == {"adopted": len(server.accepted)}
    assert ends(server) == {f"s{i}": ["step-error"] for i in range(5)}
    told = [e["type"] for e in server.accepted if e["type"].startswith("trace-")]
    assert sorted(told) == ["trace-failure", "trace-start"]
    assert bench.files() == []


def test_a_damaged_note_is_counted_and_costs_no_other(bench, server):
    finished(traced(bench, "soon()\nwith xray.trace('t'), xray.step('s'):\n    noted(2)\n    os._exit(0)"))
    first, _ = bench.files("events/*.running")
    path = bench.spool_dir / first
    path.write_bytes(path.read_bytes()[:-3])
    found = recover(bench)
    assert found["a note of what was running was damaged"] == 1
    assert bench.files() == []


def test_purging_takes_the_notes_of_the_dead_and_leaves_those_of_the_living(bench, server):
    finished(traced(bench, "soon()\nwith xray.trace('t'), xray.step('s'):\n    noted(2)\n    os._exit(0)"))
    disk = DiskStorage(bench.spool_dir, bench.config().destination, 10**6)
    mine = disk.new_name(RUNNING)
    disk.write(mine, b"x")
    assert purge(bench.config()) >= 2
    assert bench.files("events/*.running") == [mine]
    disk.remove(mine)
    disk.release()


def test_a_program_whose_calls_are_short_wakes_the_background_once_a_look_and_an_idle_one_never(bench):
    exporter, stats = bench.exporter()
    scopes, rings = RunningScopes(), []

    def begin_and_end() -> None:
        scopes.steps["step"] = None
        scopes.end_step("step")

    notes = RunningNotes(scopes, None, None, stats, exporter._guard, exporter._reporter)
    for count in (1, 2):
        notes.look()
        assert notes.rest_seconds(lambda: rings.append(None)) == math.inf
        for _ in range(3):
            begin_and_end()
        assert len(rings) == count
        notes.stir()
        assert 0 < notes.rest_seconds(lambda: rings.append(None)) <= LOOK_SECONDS
        begin_and_end()
        assert len(rings) == count


def test_while_something_is_open_the_background_looks_each_second(bench):
    exporter, stats = bench.exporter()
    scopes = RunningScopes()
    notes = RunningNotes(scopes, None, None, stats, exporter._guard, exporter._reporter)
    scopes.steps["step"] = Begun()
    notes.look()
    assert 0 < notes.rest_seconds(pytest.fail) <= LOOK_SECONDS


class Begun:
    began_seconds = math.inf
