"""`xray-backend backup`, `restore`, `export`, `import` and `check`, as processes beside a real server."""

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.backend.api.events import (
    NOW_MS,
    data,
    step,
    step_error,
    trace_error,
    trace_failure,
    trace_start,
    trace_success,
)
from tests.backend.server import Person, Server, new_person, refused_start

LARGE = os.urandom(300_000)


def run(*arguments: object, **variables: str) -> tuple[int, str]:
    return refused_start([str(argument) for argument in arguments], **variables)


def record(person: Person) -> None:
    """Record one of everything."""
    events = [
        trace_start("t", name="run", metadata={"z": 1, "a": {"b": [1, None]}}),
        trace_failure("t", endedAt=NOW_MS + 5, failureMetadata={"why": "first"}),
        trace_success("t", endedAt=NOW_MS + 9, successMetadata={"ok": True}),
        trace_start("running"),
        step("s1", "t", artifacts=[{"dataId": "small", "type": "input", "key": "k"}], inputs={"x": {"value": 1}}),
        step("s2", "running", pending=True),
        step_error("s3", "t"),
        trace_error("s4", "t", metadata={"error": "no"}),
        data("small", "t", content="hello", metadata={"m": 1}),
    ]
    assert person.ingest(*events).json() == {"success": True}
    announced = {"dataId": "large", "traceId": "t", "key": "k", "sizeBytes": len(LARGE)}
    url = person.record("/presign", announced).json()["presignedUrl"]
    assert person.server.call("PUT", url.removeprefix(person.server.base_url), body=LARGE).status_code == 200


def bare(found: Any) -> Any:
    """Take away what each store makes anew."""
    if isinstance(found, list):
        return [bare(item) for item in found]
    if isinstance(found, dict):
        made = ("_id", "projectId", "dataPath")
        return {key: bare(value) for key, value in found.items() if key not in made}
    return found


def seen(person: Person) -> Any:
    traces = person.call("GET", "traces").json()["traces"]
    shown = [person.call("GET", f"traces/{trace['traceId']}").json() for trace in traces]
    return bare(sorted(shown, key=lambda one: str(one["trace"]["traceId"])))


def value(person: Person, data_id: str) -> bytes:
    url = person.call("GET", f"traces/t/data/{data_id}").json()["presignedUrl"]
    return person.server.call("GET", url.removeprefix(person.server.base_url)).content


def moved(person: Person, server: Server) -> Person:
    return Person(server, person.user_id, person.email, person.token, person.project_id, person.key, person.key_id)


def test_a_backup_made_beside_a_running_server_restores_the_same_server(tmp_path: Path) -> None:
    file, here, there = tmp_path / "saved", tmp_path / "here", tmp_path / "there"
    with Server(here) as server:
        person = new_person(server)
        record(person)
        before = seen(person)
        status, said = run("backup", file, "--data-dir", here)
        assert (status, file.stat().st_mode & 0o777) == (0, 0o600), said
        person.ingest(step("later", "t"))
        assert run("restore", file, "--data-dir", here)[0] == 2
    assert [path.name for path in tmp_path.iterdir()].count("saved") == len(list(tmp_path.iterdir())) - 1
    assert run("restore", file, "--data-dir", there) == (0, f"The data directory {there} is restored.\n")
    assert run("check", "--data-dir", there) == (0, f"Nothing is wrong with {there}.\n")
    with Server(there) as server:
        person = moved(person, server)
        assert seen(person) == before
        assert value(person, "large") == LARGE
        assert person.ingest(step("again", "t")).status_code == 200
        assert server.credentials["apiKey"] == json.loads((here / "credentials.json").read_text())["apiKey"]


def damaged(archive: Path, how: str) -> None:
    content = bytearray(archive.read_bytes())
    if how == "torn":
        del content[len(content) // 2 :]
    elif how == "altered":
        at = content.index(LARGE[:64])
        content[at] ^= 1
    elif how == "something else":
        content[:] = b"no archive at all"
    archive.write_bytes(content)
    if how == "a way out":
        with tarfile.open(archive, "w") as tar:
            tar.addfile(tarfile.TarInfo("../outside"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("saved")
    with Server(folder / "data") as server:
        record(new_person(server))
        assert run("backup", folder / "file", "--data-dir", folder / "data")[0] == 0
    return (folder / "file").read_bytes()


@pytest.mark.parametrize("how", ["torn", "altered", "something else", "a way out"])
def test_a_backup_that_is_damaged_is_refused_and_leaves_nothing_behind(tmp_path: Path, saved: bytes, how: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(saved)
    damaged(file, how)
    status, said = run("restore", file, "--data-dir", tmp_path / "data")
    assert (status, said.count("\n"), "Traceback" in said) == (1, 1, False), said
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for command in (
        ["restore", tmp_path / "none"],
        ["backup", tmp_path / "b"],
        ["check"],
        ["import", tmp_path / "none"],
    ):
        status, said = run(*command, "--data-dir", tmp_path / "data")
        assert status in (1, 2)
        assert (said.count("\n"), said.startswith("xray-backend: ")) == (1, True), said


def test_a_project_comes_back_from_its_export_the_same_into_another_project_of_another_server(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    with Server(tmp_path / "here") as server:
        person = new_person(server)
        record(person)
        before = seen(person)
        arguments = ("export", "--project", person.project_id, "--data-dir", tmp_path / "here")
        assert run(*arguments, "--output", file) == (0, "")
        assert run(*arguments)[1] == file.read_text()
    with Server(tmp_path / "there") as server:
        other = new_person(server)
        arguments = ("import", file, "--project", other.project_id, "--data-dir", tmp_path / "there")
        assert run(*arguments) == (0, "2 traces read, 6 new, 0 there already, 0 deleted here, 1 blobs\n")
        assert seen(other) == before
        assert (value(other, "large"), value(other, "small")) == (LARGE, b"hello")
        assert run(*arguments) == (0, "2 traces read, 0 new, 6 there already, 0 deleted here, 0 blobs\n")
        assert seen(other) == before
        assert other.call("DELETE", "traces/t").status_code == 200
        status, said = run(*arguments)
        assert (status, "deleted here" in said, ", 0 deleted" in said) == (1, True, False), said
        assert [one["trace"]["traceId"] for one in seen(other)] == ["running"]


def test_an_import_tells_each_bad_line_by_its_number_and_takes_the_others(tmp_path: Path) -> None:
    lines = [
        json.dumps({"type": "export", "format": "xray-export", "version": 1, "projectId": "PROJECT", "name": ""}),
        json.dumps(step("good")),
        "{no json",
        json.dumps(step("..")),
        json.dumps({"type": "blob", "dataId": "d", "offset": 7, "content": "", "last": True}),
        json.dumps(step("also-good")),
        json.dumps(data("kept", content="x")),
        json.dumps({"type": "blob", "dataId": "d", "offset": 0, "content": "AAAA", "last": False}),
    ]
    with Server(tmp_path / "data") as server:
        person = new_person(server)
        file = tmp_path / "lines"
        file.write_text("\n".join(lines).replace("PROJECT", person.project_id))
        status, said = run("import", file, "--data-dir", tmp_path / "data")
        told = [line.split(":")[0] for line in said.splitlines()]
        assert (status, sorted(told[:5])) == (1, ["at the end", "at the end", "line 3", "line 4", "line 5"]), said
        assert told[5:] == [
            "0 traces read, 3 new, 0 there already, 0 deleted here, 0 blobs",
            "5 lines were not taken; each is told above.",
        ]
        assert {found["stepId"] for found in person.steps({})} == {"good", "also-good"}
        file.write_text(lines[0].replace("PROJECT", "no-such-project"))
        assert run("import", file, "--data-dir", tmp_path / "data")[0] == 1


def test_a_terminal_shows_how_far_a_command_is_and_a_file_does_not(tmp_path: Path, saved: bytes) -> None:
    home = tmp_path / "home"
    (tmp_path / "file").write_bytes(saved)
    assert run("restore", tmp_path / "file", "--data-dir", home)[0] == 0
    project_id = next(path.name for path in (home / "blobs").iterdir())
    arguments = ["export", "--project", project_id, "--output", str(tmp_path / "lines"), "--data-dir", str(home)]
    shown = on_terminal(arguments)
    assert re.search(r"\r\[#{30}\] (\d+) of \1 lines\r\n$", shown), shown
    assert run(*arguments) == (0, "")
    assert on_terminal(["backup", str(tmp_path / "again"), "--data-dir", str(home)]).endswith("\r1 blobs\r\n")
    imported = ["import", str(tmp_path / "lines"), "--data-dir", str(home)]
    assert re.search(r"\r\d+ lines\r\n$", on_terminal(imported))


@pytest.mark.parametrize(("version", "word"), [(1, "older"), (999, "newer")])
def test_a_database_of_another_layout_is_neither_checked_nor_exported(tmp_path: Path, version: int, word: str) -> None:
    with Server(tmp_path) as server:
        project_id = server.credentials["projectId"]
    with closing(sqlite3.connect(tmp_path / "xray.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    for command in (["check"], ["export", "--project", project_id]):
        status, said = run(*command, "--data-dir", tmp_path)
        assert (status, f"has version {version}, {word} than" in said, "Traceback" in said) == (1, True, False), said


def test_a_file_that_cannot_be_written_is_told_by_the_name_that_was_given(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        project_id = server.credentials["projectId"]
    before = sorted(tmp_path.iterdir())
    for command in (["backup"], ["export", "--project", project_id, "--output"]):
        for file, sentence in (
            (tmp_path, f"{tmp_path} is a folder; give the name of a file."),
            (tmp_path / "none" / "file", f"There is no folder {tmp_path}/none to write file into."),
        ):
            status, said = run(*command, file, "--data-dir", tmp_path / "data")
            assert (status, said) == (1, f"xray-backend: {sentence}\n")
    assert sorted(tmp_path.iterdir()) == before


def test_an_export_whose_reader_ends_early_is_one_sentence(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        person.ingest(*(step(f"s{number}", metadata={"text": "x" * 5000}) for number in range(100)))
    export = "import sys; from xray_backend.cli import main; sys.exit(main())"
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", export, "export", "--project", person.project_id, "--data-dir", str(tmp_path)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "xray-backend: What reads the output ended before it had all.\n")


def on_terminal(arguments: list[str]) -> str:
    """Run a command whose standard error is a terminal, and return what that was shown."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "import sys; from xray_backend.cli import main; sys.exit(main())", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # which ends with its last writer
            while piece := terminal.read(1000):
                shown += piece
        assert process.wait() == 0, shown
    return shown.decode()
