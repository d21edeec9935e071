"""The database's layout: made once, kept by version, refused when it is newer."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from xray_backend.errors import ConfigurationError
from xray_backend.query.tree import Compare
from xray_backend.store.records import EventBatch, SchemaSighting, StepRecord
from xray_backend.store.sqlite.layout import MIGRATIONS
from xray_backend.store.sqlite.store import SqliteStore

OPEN_AND_WRITE = """
import sys
from pathlib import Path
from xray_backend.store.records import (EventBatch, SchemaSighting, StepRecord)
from xray_backend.store.sqlite.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
for n in range(20):
    document = {"type": "step", "stepName": "a", "stepNumber": n, "artifacts": [], "metadata": {}}
    steps = [StepRecord(f"{sys.argv[2]}-{n}", "t", "a", n, 1e12, False, document)]
    shapes = [SchemaSighting("a", f"{sys.argv[2]}-{n}", {f"{sys.argv[2]}-{n}": "null"}, 1)]
    store.write(EventBatch("p", steps=steps, schemas=shapes))
store.close()
"""


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version
    finally:
        connection.close()


def set_version(path: Path, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def test_a_new_file_has_the_newest_version_and_a_second_opening_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for _ in range(2):
        SqliteStore(path).close()
        assert version_of(path) == len(MIGRATIONS)


def test_a_file_of_an_earlier_version_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    connection.execute(
        "INSERT INTO steps VALUES ('00', 'p', 't', 's', 'a', 1, 5, 1, ?)", ('{"stepId":"s","pending":true}',)
    )
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    assert version_of(path) == len(MIGRATIONS)
    (found,) = store.query("steps", "p", Compare(("pending",), "eq", True), limit=9, after=None).documents
    assert json.loads(found)["stepId"] == "s"
    store.close()


def test_a_file_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    set_version(path, 99)
    with pytest.raises(ConfigurationError, match=r"has version 99.*newer xray-backend"):
        SqliteStore(path)
    assert version_of(path) == 99


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE users (theirs TEXT)")
    connection.close()
    with pytest.raises(ConfigurationError, match=r"another program.*XRAY_STORE_URL"):
        SqliteStore(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]
    connection.close()


def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(ConfigurationError, match="damaged"):
        SqliteStore(path)


def test_a_file_that_cannot_be_made_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        SqliteStore(tmp_path / "missing" / "store.db")


def test_several_processes_may_make_the_same_file_and_write_to_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    programs = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_WRITE, str(path), str(n)], stderr=subprocess.PIPE, text=True)
        for n in range(5)
    ]
    for program in programs:
        _, errors = program.communicate(timeout=60)
        assert program.returncode == 0, errors
    store = SqliteStore(path)
    assert len(store.steps_of("p", "t", limit=1000, after=None).documents) == 5 * 20
    assert len(json.loads(store.merged_schema("p", "a").document)) == 5 * 20
    document = {"type": "step", "stepName": "a", "stepNumber": 1, "artifacts": [], "metadata": {}}
    again = store.write(EventBatch("p", steps=[StepRecord("0-0", "t", "a", 1, 1e12, False, document)]))
    assert again.repeated == 1
    store.close()


def test_members_of_an_earlier_version_get_an_id_each(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    for user_id in ("u1", "u2"):
        connection.execute("INSERT INTO users VALUES (?, ?, 'Name', 'hash', 1)", (user_id, f"{user_id}@example.org"))
        connection.execute("INSERT INTO project_members VALUES ('p', ?, 'owner', 1)", (user_id,))
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    members = store.members_of("p")
    store.close()
    assert [(member.user_id, member.role, len(member.member_id)) for member in members] == [
        ("u1", "owner", 24),
        ("u2", "owner", 24),
    ]
    assert members[0].member_id != members[1].member_id


def test_shapes_of_an_earlier_version_are_told_merged_and_later_ones_with_them(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    large = {f"line-{number:03}": {f"key-{key}-{'x' * 100}": "null" for key in range(9)} for number in range(100)}
    shapes: list[tuple[str, str, dict[str, object]]] = [
        ("p", "rank", {"a": "number"}),
        ("p", "rank", {"a": "string", "b": {"c": "null"}}),
        ("p", "search", {"d": "array"}),
        ("p", "orders", large),
        ("q", "rank", {"e": "number"}),
    ]
    for number, (project_id, step_name, shape) in enumerate(shapes):
        row = (project_id, step_name, f"h{number}", json.dumps(shape))
        connection.execute("INSERT INTO schemas VALUES ('00', ?, ?, ?, ?, 1)", row)
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    assert json.loads(store.merged_schema("p", "rank").document) == {"a": "number|string", "b": {"c": "null"}}
    store.write(EventBatch("p", schemas=[SchemaSighting("rank", "h0", {"a": "number"}, 2)]))
    store.write(EventBatch("p", schemas=[SchemaSighting("rank", "h9", {"a": "null"}, 2)]))
    assert json.loads(store.merged_schema("p", "rank").document)["a"] == "null|number|string"
    assert json.loads(store.merged_schema("p", "orders").document) == large
    assert set(json.loads(store.merged_schema("p", None).document)) == {"a", "b", "d", *large}
    assert json.loads(store.merged_schema("q", None).document) == {"e": "number"}
    store.close()
