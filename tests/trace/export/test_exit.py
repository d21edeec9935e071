"""How a program ends: in time, quietly, and with everything sent or on disk."""

import time

import pytest

from tests.trace.export.bench import finished
from tests.trace.export.scripted_server import Reply

AT_EXIT = "import atexit; atexit.register(lambda: exporter.shutdown(1.5))\n"
START_AND_END_SECONDS = 20  # of an interpreter on a loaded machine; far from what any hang would take


def test_a_short_program_sends_everything_at_its_end(bench, server):
    finished(bench.program(AT_EXIT.replace("1.5", "30") + "exporter.put(step('s1', part(b'x' * 30_000)))"))
    assert [event["stepId"] for event in server.accepted] == ["s1"]
    assert len(server.blobs) == 1
    assert bench.files() == []


def test_a_host_name_is_looked_up_even_while_the_interpreter_exits(bench, server):
    url = server.url.replace("127.0.0.1", "localhost")
    finished(bench.program(AT_EXIT.replace("1.5", "30") + "exporter.put(step('s1'))", base_url=url))
    assert [event["stepId"] for event in server.accepted] == ["s1"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_a_server_that_is_away_leaves_everything_on_disk(bench, server, url):
    finished(bench.program(AT_EXIT + "exporter.put(step('s1', part(b'x' * 30_000)))", base_url=url))
    assert bench.waiting(base_url=url) == 2


def test_a_server_that_hangs_does_not_hold_up_the_end(bench, server):
    ended = []
    server.always = Reply(before=lambda: time.sleep(0) if ended else _wait(ended))
    began = time.monotonic()
    finished(bench.program(AT_EXIT + "exporter.put(step('s1'))"))
    ended.append(True)
    assert time.monotonic() - began < START_AND_END_SECONDS
    assert bench.waiting() == 1


def _wait(ended: list) -> None:
    deadline = time.monotonic() + 2 * START_AND_END_SECONDS
    while not ended and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_look_up_that_hangs_does_not_hold_up_the_end(bench, server):
    """The name service never answers; the executor of asyncio would be joined at exit."""
    source = (
        AT_EXIT
        + """
import socket
socket.getaddrinfo = lambda *arguments: time.sleep(3600)
exporter.put(step("s1"))
"""
    )
    began = time.monotonic()
    finished(bench.program(source, base_url="http://host.invalid"))
    assert time.monotonic() - began < START_AND_END_SECONDS
    assert bench.waiting(base_url="http://host.invalid") == 1


def test_a_value_that_is_still_being_encoded_does_not_hold_up_the_end(bench, server):
    source = (
        AT_EXIT.replace("1.5", "6")  # in which the step is sent also where the machine is loaded
        + """
value = LateValue("trace", "late-1", "big", b"{}", lambda: time.sleep(3600))
exporter.put_late(value)
exporter.put(step("s1", Part("big", "input", "", None, b"{}", b"{}", "late-1")))
"""
    )
    began = time.monotonic()
    finished(bench.program(source))
    assert time.monotonic() - began < START_AND_END_SECONDS
    assert [event["stepId"] for event in server.accepted] == ["s1"]
    assert [name.rsplit(".", 1)[1] for name in bench.files("data/*")] == ["late"]


def test_a_record_made_after_the_end_has_begun_is_kept(bench, server):
    """An exit function of the program's runs after ours; new threads may not be started by then."""
    source = "import atexit; atexit.register(lambda: exporter.put(step('last')))\n" + AT_EXIT
    finished(bench.program(source.replace("1.5", "30") + "exporter.put(step('s1'))"))
    assert bench.waiting() == 1
    assert [event["stepId"] for event in server.accepted] == ["s1"]


def test_a_program_that_never_says_goodbye_keeps_everything(bench, server):
    program = bench.program("exporter.put(step('s1')); exporter.flush(20); exporter.put(step('s2'))")
    finished(program)
    assert bench.waiting() == 1
