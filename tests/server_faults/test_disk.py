"""A disk that is full or read-only, a database that is locked or damaged: told in a sentence, and nothing is lost."""

import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.backend.api.events import step
from tests.backend.server import Person, Server, assert_refused, new_person, refused_start
from tests.server_faults.mounts import fill, make_read_only, small_disk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the disks are tmpfs")

DISK_BYTES = 48 * 1024 * 1024
PAGE_BYTES = 4096


def assert_told(arguments: list[str], *words: str) -> None:
    """Hold a server that cannot start to one sentence and status 2."""
    status, output = refused_start(arguments)
    assert (status, output.count("\n")) == (2, 1), output
    assert output.startswith("xray-backend: ")
    assert "Traceback" not in output
    for word in words:
        assert word in output


def assert_stored(person: Person, names: list[str]) -> None:
    found = {stored["stepId"] for name in names for stored in person.steps({"stepId": name})}
    assert found == set(names)


def assert_sound(data_dir: Path) -> None:
    database = sqlite3.connect(data_dir / "xray.db")
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        database.close()


def recorded_until_refused(person: Person, kind: str) -> list[str]:
    """Record until there is no room; returns what was acknowledged."""
    acknowledged: list[str] = []
    while True:
        name = f"{kind}-{len(acknowledged)}"
        answered = person.ingest(step(name, metadata={"text": "x" * 100_000}))
        if answered.status_code != 200:
            assert "disk" in assert_refused(answered, 503)
            return acknowledged
        acknowledged.append(name)


def test_when_the_disk_is_full_all_that_would_write_is_503_and_it_goes_on_once_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk, Server(disk / "data") as server:
        person = new_person(server)
        workers = server.workers()
        url = person.record("/presign", {"dataId": "d", "traceId": "t", "key": "k"}).json()["presignedUrl"]
        recorded = 0
        for fullness in range(2):
            ballast = fill(disk, leave_bytes=1_000_000)
            acknowledged = recorded_until_refused(person, f"full-{fullness}")
            recorded += len(acknowledged)
            ballast.write_bytes(b"")
            ballast = fill(disk)
            large = {"dataId": "large", "traceId": "t", "key": "k", "sizeBytes": 10_000_000}
            assert_refused(requests.put(url, data=b"x" * 500_000, timeout=60), 503)
            assert_refused(person.record("/presign", large), 503)
            assert_refused(person.ingest(*[step(f"n-{n}", metadata={"t": "x" * 9000}) for n in range(90)]), 503)
            assert_stored(person, acknowledged)
            assert server.call("GET", "/health").status_code == 200
            assert person.steps({"stepId": {"$regex": "^n-"}}) == []  # what was refused is not there in part
            ballast.unlink()
            assert person.ingest(step(f"after-{fullness}")).status_code == 200
            assert_stored(person, [*acknowledged, f"after-{fullness}"])
        assert requests.put(url, data=b"x" * 500_000, timeout=60).status_code == 200
        assert person.record("/presign", large).status_code == 200
        assert server.workers() == workers
        assert list((disk / "data" / "blobs" / ".incoming").iterdir()) == []
        assert "Traceback" not in server.output
        assert server.stop() == 0
        assert_sound(disk / "data")


def test_a_full_disk_at_the_start_is_told_in_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        ballast = fill(disk)
        assert_told(["up", "--port", "0", "--data-dir", str(disk / "data")], str(disk / "data"))
        ballast.unlink()
        with Server(disk / "data") as server:
            person = new_person(server)
            assert person.ingest(step("kept")).status_code == 200
        fill(disk)
        assert_told(["up", "--port", "0", "--data-dir", str(disk / "data")], "full")
        ballast.unlink()
        with Server(disk / "data") as server:
            assert_stored(replace(person, server=server), ["kept"])
        assert_sound(disk / "data")


def test_a_read_only_directory_at_the_start_is_told_in_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        with Server(disk / "data"):
            pass
        make_read_only(disk, True)
        for name in ("data", "another"):
            assert_told(["up", "--port", "0", "--data-dir", str(disk / name)], str(disk / name), "Read-only")
        make_read_only(disk, False)
        with Server(disk / "data") as server:
            assert new_person(server).ingest(step()).status_code == 200


def test_a_blob_store_that_becomes_read_only_is_503_until_it_is_not(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data" / "blobs", DISK_BYTES) as blobs, Server(tmp_path / "data") as server:
        person = new_person(server)
        url = person.record("/presign", {"dataId": "d", "traceId": "t", "key": "k"}).json()["presignedUrl"]
        make_read_only(blobs, True)
        large = {"dataId": "large", "traceId": "t", "key": "k", "sizeBytes": 10_000_000}
        assert_refused(requests.put(url, data=b"x", timeout=60), 503)
        assert_refused(person.record("/presign", large), 503)
        assert person.ingest(step()).status_code == 200
        make_read_only(blobs, False)
        assert requests.put(url, data=b"x", timeout=60).status_code == 200
        assert person.record("/presign", large).status_code == 200
        assert server.stop() == 0


def test_a_database_that_another_process_keeps_locked_is_503_with_reading_going_on(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        assert person.ingest(step("before")).status_code == 200
        other = sqlite3.connect(tmp_path / "xray.db", isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            assert "busy" in assert_refused(person.ingest(step("meanwhile")), 503)
            assert_stored(person, ["before"])
            assert person.steps({"stepId": "meanwhile"}) == []
            assert server.call("GET", "/ready").status_code == 200
            other.execute("ROLLBACK")
        finally:
            other.close()
        assert person.ingest(step("meanwhile")).status_code == 200
        assert_stored(person, ["before", "meanwhile"])


def test_a_locked_database_does_not_keep_a_server_from_starting(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
    other = sqlite3.connect(tmp_path / "xray.db", isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        with Server(tmp_path) as server:
            assert server.call("GET", "/health").status_code == 200
            other.execute("ROLLBACK")
            answered = server.call("POST", "/api/v1/ingest", key=person.key, json={"events": [step()]})
            assert answered.status_code == 200
    finally:
        other.close()


def test_damaged_pages_are_503_and_never_500_and_a_backup_put_back_serves_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        for number in range(40):
            events = [step(f"s-{number}-{n}", f"t-{n}", metadata={"x": "y" * 300}) for n in range(50)]
            assert person.ingest(*events).status_code == 200
        token, path = person.token, f"/api/v1/projects/{person.project_id}"
    database = tmp_path / "xray.db"
    whole = database.read_bytes()
    half = len(whole) // 2 // PAGE_BYTES * PAGE_BYTES
    database.write_bytes(whole[:half] + b"\xa5" * (len(whole) - half))
    with Server(tmp_path) as server:
        answers = [
            server.call("POST", f"{path}/query", token=token, json={"filter": {"metadata.x": "none"}}),
            server.call("POST", f"{path}/traces/query", token=token, json={"filter": {}}),
            server.call("GET", f"{path}/traces/t-1", token=token),
            server.call("GET", f"{path}/schemas", token=token),
            *[
                server.call("POST", "/api/v1/ingest", key=person.key, json={"events": [step(f"new-{n}", f"t-{n}")]})
                for n in range(50)
            ],
        ]
        refused = [answered for answered in answers if answered.status_code != 200]
        for answered in refused:
            assert "restored from a backup" in assert_refused(answered, 503)
        assert refused
        assert server.call("GET", "/health").status_code == 200
    for rest in tmp_path.glob("xray.db-*"):
        rest.unlink()
    database.write_bytes(whole)
    with Server(tmp_path) as server:
        found = server.call("POST", f"{path}/query", token=token, json={"filter": {"stepId": "s-39-49"}})
        assert len(found.json()["results"]) == 1


@pytest.mark.parametrize("damage", ["no header", "half a header", "a directory"])
def test_a_file_that_is_no_database_is_told_in_one_sentence_at_the_start(tmp_path: Path, damage: str) -> None:
    with Server(tmp_path):
        pass
    database = tmp_path / "xray.db"
    whole = database.read_bytes()
    database.unlink()
    if damage == "a directory":
        database.mkdir()
    else:
        database.write_bytes(b"\xa5" * 100 + whole[100:] if damage == "no header" else b"\xa5" * 50)
    assert_told(["up", "--port", "0", "--data-dir", str(tmp_path)], "database")


def test_a_database_of_a_newer_version_is_told_at_the_start_and_left_as_it_is(tmp_path: Path) -> None:
    with Server(tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "xray.db")
    database.execute("PRAGMA user_version = 9999")
    database.close()
    before = (tmp_path / "xray.db").read_bytes()
    assert_told(["up", "--port", "0", "--data-dir", str(tmp_path)], "newer", "9999")
    assert (tmp_path / "xray.db").read_bytes() == before
