"""Whichever of the server's processes is killed, and when: what was acknowledged is there, and values are whole."""

import os
import sqlite3
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import requests

from tests.backend.background import wait_until
from tests.backend.server import Person, Server, new_person
from tests.server_faults.processes import end, is_alive, tree
from tests.server_faults.witnesses import Witnesses

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server's processes are found through /proc")

KILLS = os.environ.get("XRAY_SERVER_KILLS")
KILLS_BY_DEFAULT = "10"
SEED = int(os.environ.get("XRAY_SERVER_SEED", "5"))
LONGEST_LIFE_SECONDS = 0.8
PROCESSES = 3
INDEXED_TOGETHER = 512  # fewer wait for more
DEADLINE_SECONDS = 60


def victims(server: Server, chosen: Random) -> list[int]:
    """Choose one process, the parent, the worker or the one that keeps the index, or all of them."""
    wait_until(lambda: len(tree(server.pid)) == PROCESSES)
    found = tree(server.pid)
    return found if chosen.random() < 0.3 else [chosen.choice(found)]


def wait_until_served(person: Person) -> None:
    """Wait until the parent has replaced whom it lost."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            if person.steps({"stepId": "none"}) == []:
                return
        except (requests.RequestException, AssertionError):
            time.sleep(0.05)
    pytest.fail("the server did not come back")


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "a process without its parent did not end"
        time.sleep(0.05)


def content(person: Person, trace_id: str, data_id: str) -> bytes | None:
    """Return a value, None where it is not there."""
    answered = person.call("GET", f"traces/{trace_id}/data/{data_id}")
    assert answered.status_code in (200, 404), answered.text
    if answered.status_code == 404 or not answered.json()["uploaded"]:
        return None
    return requests.get(answered.json()["presignedUrl"], timeout=60).content


def assert_kept(person: Person, witnesses: Witnesses) -> None:
    """Hold the server to what it said: all that was acknowledged, and nothing in halves."""
    assert witnesses.unexpected == []
    acknowledged = sorted(witnesses.steps)
    for begin in range(0, len(acknowledged), 50):
        asked = acknowledged[begin : begin + 50]
        found = {step["stepId"]: step["metadata"] for step in person.steps({"stepId": {"$in": asked}})}
        assert found == {step_id: {"label": step_id} for step_id in asked}
    for data_id in sorted(witnesses.inline)[-20:]:
        assert content(person, witnesses.trace_id, data_id) == f"content of {data_id}".encode()
    for data_id, expected in witnesses.tried.items():
        stored = content(person, witnesses.trace_id, data_id)
        assert stored == expected if data_id in witnesses.whole else stored in (None, expected), data_id


def assert_sound(data_dir: Path) -> None:
    database = sqlite3.connect(data_dir / "xray.db", timeout=DEADLINE_SECONDS)
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        database.close()


def assert_indexed(person: Person) -> None:
    """Hold the index to the documents, however often what keeps it was killed: none is lost, none comes twice."""
    database = sqlite3.connect(person.server.data_dir / "xray.db", timeout=DEADLINE_SECONDS)
    try:

        def value(sql: str) -> int:
            found: int = database.execute(sql).fetchone()[0]
            return found

        indexed_to = "(SELECT indexed_to FROM index_progress WHERE collection = 'steps')"
        wait_until(lambda: value(f"SELECT max(seq) - {indexed_to} FROM steps") < INDEXED_TOGETHER)
        in_blocks = "SELECT sum(size - gone_count) FROM index_blocks WHERE collection = 'steps'"
        assert value(in_blocks) == value(f"SELECT count(*) FROM steps WHERE seq <= {indexed_to}") > 0
        stored = value(f"SELECT count(*) FROM steps WHERE project_id = '{person.project_id}'")
    finally:
        database.close()
    question = {"filter": {"metadata.label": {"$exists": True}}, "count": True, "limit": 1}
    assert person.call("POST", "query", json=question).json()["count"] == stored


def one_life(server: Server, person: Person, life: str, chosen: Random) -> Witnesses:
    """Let a server work, kill some of its processes, then the rest."""
    witnesses = Witnesses(person, life)
    try:
        assert witnesses.answered.wait(DEADLINE_SECONDS)
        time.sleep(chosen.uniform(0, LONGEST_LIFE_SECONDS))  # the moment is what is chosen
        family, first = tree(server.pid), victims(server, chosen)
        for pid in first:
            end(pid)
        if server.pid not in first:
            wait_until_served(person)
            family = sorted({*family, *tree(server.pid)})
            server.kill()
    finally:
        witnesses.stop()
    if chosen.random() < 0.5:  # else the next one starts while this one's worker is still ending
        wait_until_gone([pid for pid in family if pid != server.pid])
    return witnesses


@pytest.mark.timeout(0 if KILLS else 180)
def test_what_was_acknowledged_is_there_whoever_was_killed(tmp_path: Path) -> None:
    chosen = Random(SEED)
    data_dir = tmp_path / "data"
    with Server(data_dir) as server:
        person = new_person(server)
    witnesses: Witnesses | None = None
    for life in range(int(KILLS or KILLS_BY_DEFAULT)):
        with Server(data_dir) as server:
            person = replace(person, server=server)
            if witnesses is not None:
                assert_kept(person, witnesses)
                assert_sound(data_dir)
            witnesses = one_life(server, person, f"life-{SEED}-{life}", chosen)
    assert witnesses is not None
    for path in [*(data_dir / "blobs" / ".incoming").glob("*"), *(data_dir / "blobs" / ".uploads").glob("*")]:
        os.utime(path, (0, 0))  # nobody goes on with these
    with Server(data_dir) as server:
        assert_kept(replace(person, server=server), witnesses)
        assert_sound(data_dir)
        for name in (".incoming", ".uploads"):  # the housekeeper begins with it, and others need not wait
            wait_until(lambda name=name: not list((data_dir / "blobs" / name).iterdir()))  # type: ignore[misc]
        assert_indexed(replace(person, server=server))
        assert [path.name for path in data_dir.iterdir() if path.name.startswith((".", "tmp"))] == []


def test_what_a_start_that_was_killed_left_beside_its_files_is_removed(tmp_path: Path) -> None:
    for name in (".jwt-secret.0123456789abcdef", ".credentials.json.0123456789abcdef"):
        (tmp_path / name).write_text("half")
    with Server(tmp_path):
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
