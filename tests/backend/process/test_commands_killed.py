"""`backup`, `restore` and `import` beside a server at work, and killed at any moment: all is there, or nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.backend.api.events import data, step
from tests.backend.background import wait_until
from tests.backend.server import Person, Server, launch, new_person, refused_start
from tests.server_faults.witnesses import Witnesses

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the moment is found by what lies in the directories")

SEED = int(os.environ.get("XRAY_COMMAND_SEED", "5"))
KILLS = int(os.environ.get("XRAY_COMMAND_KILLS", "4"))
BLOBS, BLOB_BYTES = 12, 4_000_000
STEPS = 6_000


def run(*arguments: object) -> tuple[int, str]:
    return refused_start([str(argument) for argument in arguments])


def killed(arguments: list[object], has_begun: Callable[[], bool], delay_seconds: float) -> bool:
    """Start a command and kill it a moment after it has begun; false if it was done before."""
    process = launch([str(argument) for argument in arguments], {})
    try:
        wait_until(lambda: has_begun() or process.poll() is not None)
        try:
            process.wait(delay_seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        process.kill()
    return process.returncode == -signal.SIGKILL


def blob(name: str) -> bytes:
    return hashlib.shake_128(name.encode()).digest(BLOB_BYTES)


def fill(person: Person) -> None:
    """Record what takes a while to copy."""
    for begin in range(0, STEPS, 500):
        events = [step(f"s{number}", "t", metadata={"n": number}) for number in range(begin, begin + 500)]
        assert person.ingest(*events).status_code == 200
    for number in range(BLOBS):
        upload(person, f"blob-{number}")


def upload(person: Person, name: str) -> None:
    content = blob(name)
    about = {"dataId": name, "traceId": "t", "key": "k", "sizeBytes": BLOB_BYTES}
    url = person.record("/presign", about).json()["presignedUrl"].removeprefix(person.server.base_url)
    assert person.server.call("PUT", url, body=content).status_code == 200


def count(person: Person, **condition: object) -> int:
    question = {"filter": condition, "count": True, "limit": 1}
    found: int = person.call("POST", "query", json=question).json()["count"]
    return found


def value(person: Person, trace_id: str, data_id: str) -> bytes | None:
    answered = person.call("GET", f"traces/{trace_id}/data/{data_id}")
    url = answered.json()["presignedUrl"] if answered.status_code == 200 else None
    return url and person.server.call("GET", url.removeprefix(person.server.base_url)).content


def at(person: Person, server: Server) -> Person:
    return Person(server, person.user_id, person.email, person.token, person.project_id, person.key, person.key_id)


@contextmanager
def at_work(person: Person, life: str) -> Iterator[Witnesses]:
    witnesses = Witnesses(person, life)
    try:
        assert witnesses.answered.wait(60)
        yield witnesses
    finally:
        witnesses.stop()
    assert witnesses.unexpected == []


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def is_begun(folder: Path) -> bool:
    return any(path.name.startswith(".") for path in folder.iterdir())


def test_a_backup_beside_ingest_that_is_killed_leaves_nothing_and_the_next_is_whole(tmp_path: Path) -> None:
    chosen, saves = Random(SEED), tmp_path / "saves"
    saves.mkdir()
    file = saves / "saved"
    command = ["backup", file, "--data-dir", tmp_path / "here"]
    with Server(tmp_path / "here") as server:
        person = new_person(server)
        fill(person)
        with at_work(person, "during") as witnesses:
            kills = sum(killed(command, lambda: is_begun(saves), chosen.uniform(0, 0.3)) for _ in range(KILLS))
            if not file.exists():
                assert visible(saves) == []
            steps, whole = set(witnesses.steps), set(witnesses.whole)
            status, said = run(*command)
            assert status == 0, said
        assert kills > 0
        assert [path.name for path in saves.iterdir()] == ["saved"]
    assert run("restore", file, "--data-dir", tmp_path / "there")[0] == 0
    assert run("check", "--data-dir", tmp_path / "there")[0] == 0
    with Server(tmp_path / "there") as server:
        person = at(person, server)
        assert count(person, traceId="t") == STEPS
        assert count(person, stepId={"$in": sorted(steps)[:1000]}) == len(sorted(steps)[:1000])
        for name in whole:
            assert value(person, witnesses.trace_id, name) == witnesses.tried[name]


def test_a_restore_that_is_killed_leaves_nothing_and_the_next_is_whole(tmp_path: Path) -> None:
    chosen, homes = Random(SEED), tmp_path / "homes"
    homes.mkdir()
    file, target = tmp_path / "saved", homes / "there"
    with Server(tmp_path / "here") as server:
        person = new_person(server)
        fill(person)
        assert run("backup", file, "--data-dir", tmp_path / "here")[0] == 0
    command = ["restore", file, "--data-dir", target]
    kills = 0
    for _ in range(KILLS):
        kills += killed(command, lambda: is_begun(homes), chosen.uniform(0, 0.2))
        if target.exists():  # it took its name before it was killed
            break
    assert kills > 0
    if not target.exists():
        assert run(*command)[0] == 0
    assert [path.name for path in homes.iterdir() if not target.samefile(path)] == []
    assert run("check", "--data-dir", target)[0] == 0
    with Server(target) as server:
        person = at(person, server)
        assert count(person) == STEPS
        for number in range(BLOBS):
            assert value(person, "t", f"blob-{number}") == blob(f"blob-{number}")


def test_a_restored_server_keeps_nobody_out_who_was_kept_out_when_it_was_saved(tmp_path: Path) -> None:
    limit = {"XRAY_LOGIN_RATE_PER_ACCOUNT": "1/day"}
    with Server(tmp_path / "here", **limit) as server:
        email = new_person(server).email
        account = {"email": email, "password": "correct horse"}
        tried = [server.call("POST", "/api/v1/auth/login", json=account).status_code for _ in range(2)]
        assert tried == [200, 429]
        assert run("backup", tmp_path / "saved", "--data-dir", tmp_path / "here")[0] == 0
    assert run("restore", tmp_path / "saved", "--data-dir", tmp_path / "there")[0] == 0
    with Server(tmp_path / "there", **limit) as server:
        assert server.call("POST", "/api/v1/auth/login", json=account).status_code == 200


def test_an_import_beside_ingest_that_is_killed_and_repeated_is_whole(tmp_path: Path) -> None:
    chosen = Random(SEED)
    lines = tmp_path / "lines"
    with Server(tmp_path / "here") as server:
        person = new_person(server)
        fill(person)
        assert person.ingest(data("inline", "t", content="hello")).status_code == 200
        assert run("export", "--project", person.project_id, "--output", lines, "--data-dir", tmp_path / "here")[0] == 0
    records = sum(json.loads(line)["type"] in ("step", "data") for line in lines.read_bytes().splitlines())
    with Server(tmp_path / "there") as server:
        other = new_person(server)
        command = ["import", lines, "--project", other.project_id, "--data-dir", tmp_path / "there"]
        with at_work(other, "during") as witnesses:
            kills = 0
            for turn in range(KILLS):
                has_more = grows(other, turn * STEPS // KILLS)
                kills += killed(command, has_more, chosen.uniform(0, 0.2))
                for number in range(BLOBS):
                    assert value(other, "t", f"blob-{number}") in (None, blob(f"blob-{number}"))
            assert kills > 0
            status, said = run(*command)
            assert status == 0, said
            assert run(*command) == (0, f"1 traces read, 0 new, {records:,} there already, 0 deleted here, 0 blobs\n")
        assert count(other, traceId="t") == STEPS
        assert count(other, traceId=witnesses.trace_id) >= len(witnesses.steps)
        for number in range(BLOBS):
            assert value(other, "t", f"blob-{number}") == blob(f"blob-{number}")
        assert value(other, "t", "inline") == b"hello"
    assert run("check", "--data-dir", tmp_path / "there")[0] == 0


def grows(person: Person, beyond: int) -> Callable[[], bool]:
    return lambda: count(person, traceId="t") > beyond
