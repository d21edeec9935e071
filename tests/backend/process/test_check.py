"""`xray-backend check` tells each fault of a data directory in a sentence, and changes nothing."""

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backend.process.test_commands import LARGE, record, run
from tests.backend.server import Server, new_person


def test_a_check_tells_each_fault_and_changes_nothing(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        record(person)
        person.record("/presign", {"dataId": "never", "traceId": "t", "key": "k"})
        assert run("check", "--data-dir", tmp_path) == (0, f"Nothing is wrong with {tmp_path}.\n")
    blobs = tmp_path / "blobs"
    large = blobs / person.project_id / "large"
    large.write_bytes(b"x" + LARGE[1:] + b"!")
    (blobs / person.project_id / "nobodys").write_bytes(b"x")
    half = blobs / ".incoming" / "half.part"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"x")
    (tmp_path / ".jwt-secret.0123").write_bytes(b"x")
    (tmp_path / "jwt-secret").chmod(0o644)
    for path in (blobs / person.project_id / "nobodys", half):
        os.utime(path, (1, 1))
    with closing(sqlite3.connect(tmp_path / "xray.db")) as connection, connection:
        connection.execute("UPDATE data SET stored_at_ms = 1 WHERE data_id = 'never'")
        connection.execute("UPDATE steps SET doc = '{' WHERE step_id = 's1'")
        connection.execute("DELETE FROM traces WHERE trace_id = 'running'")
        connection.execute("INSERT INTO project_members VALUES ('nowhere', 'u', 'owner', 1, 'o')")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, said = run("check", "--data-dir", tmp_path)
    assert status == 1
    for fault in (
        "jwt-secret can be reached by others (mode 0644)",
        ".jwt-secret.0123 was left behind",
        f"The blob {person.project_id}/large has 300001 bytes, and should have 300000.",
        f"The blob {person.project_id}/nobodys has no record",
        f"The bytes of {person.project_id}/never are missing",
        "half.part is left of an upload",
        "of steps cannot be read.",
        "Steps of the trace running",
        "1 rows of project_members belong to the project nowhere",
        "Faults: 9.",
    ):
        assert fault in said, said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_check_of_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "xray.db").write_bytes(b"no database" * 1000)
    status, said = run("check", "--data-dir", tmp_path)
    assert (status, "cannot be read" in said, "Traceback" in said, ".." in said) == (1, True, False, False), said
    assert ".." not in said


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a data directory with one of everything, which no server uses."""
    with Server(tmp_path / "home") as server:
        record(new_person(server))
    return tmp_path / "home"


def test_a_check_tells_of_a_blob_whose_bytes_are_others(home: Path) -> None:
    (record,) = rows(home, "SELECT project_id, doc FROM data WHERE data_id = 'large'")
    announced = json.loads(record[1]) | {"sha256": hashlib.sha256(LARGE).hexdigest()}
    change(home, f"UPDATE data SET doc = '{json.dumps(announced)}' WHERE data_id = 'large'")
    assert run("check", "--data-dir", home) == (0, f"Nothing is wrong with {home}.\n")
    (home / "blobs" / record[0] / "large").write_bytes(b"?" + LARGE[1:])  # as many as before
    status, said = run("check", "--data-dir", home)
    assert status == 1
    assert f"The blob {record[0]}/large is altered" in said
    assert "Faults: 1." in said


def test_a_check_tells_of_a_database_that_contradicts_itself(home: Path) -> None:
    change(
        home,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, '(project_id)', '(name)') WHERE name = 'api_keys_by_project'",
    )
    status, said = run("check", "--data-dir", home)
    assert (status, "Traceback" in said) == (1, False), said
    assert "The database is damaged: row 1 missing from index api_keys_by_project." in said


def test_a_check_does_not_read_a_database_of_a_newer_version(home: Path) -> None:
    change(home, "PRAGMA user_version = 9999", "UPDATE steps SET doc = '{'")
    status, said = run("check", "--data-dir", home)
    assert status == 1
    assert "The database has version 9999, newer than this program's" in said
    assert said.endswith("Faults: 1.\n")


def rows(home: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(home / "xray.db")) as connection:
        return connection.execute(sql).fetchall()


def change(home: Path, *statements: str) -> None:
    """Change the database behind the server's back."""
    with closing(sqlite3.connect(home / "xray.db")) as connection, connection:
        for sql in statements:
            connection.execute(sql)
