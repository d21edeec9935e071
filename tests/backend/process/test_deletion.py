"""Deleting while others record, through kills of the server; and what the server removes by itself."""

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.backend.api.events import data, step, trace_start
from tests.backend.background import wait_until
from tests.backend.server import Person, Server, assert_refused, new_person
from xray_backend.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker's process is found through /proc")

DOOMED_STEPS = 8_000  # 40 pieces and more: none of the tests sees the removal finish before it looks
KILLS = int(os.environ.get("XRAY_DELETION_KILLS", "2"))
DAY_MS = 24 * 60 * 60 * 1000


class Recorders:
    """Threads that record in a trace of their own, and remember what was acknowledged and what was refused."""

    def __init__(self, person: Person, count: int) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self.person = person
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._record, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _record(self, number: int) -> None:
        request = 0
        while not self._stopping.is_set():
            names = [f"{os.urandom(4).hex()}-{number}-{request}-{part}" for part in range(5)]
            request += 1
            try:
                answered = self.person.ingest(
                    *[step(name, "kept") for name in names], data(names[0], "kept", content="x")
                )
            except requests.RequestException:
                self._stopping.wait(0.05)  # the server is gone, and comes back at the same port
                continue
            if answered.status_code == 200:
                self.acknowledged.extend(names)
            else:
                self.refused.append(answered.status_code)


def record_doomed(person: Person, trace_id: str = "doomed", steps: int = DOOMED_STEPS) -> str:
    """Record a trace of many steps with some blobs; returns the upload URL of one."""
    for first in range(0, steps, 1000):
        made = [step(f"{trace_id}-{first + number}", trace_id) for number in range(min(1000, steps))]
        assert person.ingest(trace_start(trace_id), *made[:999]).status_code == 200
    url = ""
    for number in range(5):
        item = {"dataId": f"{trace_id}-{number}", "traceId": trace_id, "key": "k"}
        url = person.record("/presign", item).json()["presignedUrl"]
        assert requests.put(url, data=b"blob", timeout=60).status_code == 200
    return url


def rows(server: Server, table: str, project_id: str, trace_id: str | None = None) -> int:
    connection = sqlite3.connect(server.data_dir / "xray.db", timeout=30)
    try:
        where, values = ("", ()) if trace_id is None else (" AND trace_id = ?", (trace_id,))
        sql = f"SELECT count(*) FROM {table} WHERE project_id = ?{where}"
        count: int = connection.execute(sql, (project_id, *values)).fetchone()[0]
        return count
    finally:
        connection.close()


def seen_ids(person: Person, condition: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        body = {"filter": condition, "limit": 100} | ({"cursor": cursor} if cursor else {})
        page = person.call("POST", "query", json=body).json()
        found |= {result["stepId"] for result in page["results"]}
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def assert_nothing_seen(person: Person, trace_id: str = "doomed") -> None:
    assert_refused(person.call("GET", f"traces/{trace_id}"), 404)
    assert person.steps({"traceId": trace_id}) == []
    assert_refused(person.call("GET", f"traces/{trace_id}/data/{trace_id}-0"), 404)


def rows_left(server: Server, person: Person, kills: int) -> list[int]:
    """Count what is left of each trace that was deleted."""
    tables = ("steps", "data", "traces")
    return [sum(rows(server, table, person.project_id, f"doomed-{kill}") for table in tables) for kill in range(kills)]


def test_a_deletion_goes_on_after_each_kill_and_takes_nothing_of_what_is_recorded_meanwhile(tmp_path: Path) -> None:
    urls, interrupted, port = [], 0, 0
    told: list[str] = []
    recorders: Recorders | None = None
    for kill in range(KILLS):
        with Server(tmp_path, port=port) as server:
            person = new_person(server) if recorders is None else replace(recorders.person, server=server)
            port = int(server.base_url.rpartition(":")[2])
            recorders = recorders or Recorders(person, 3)
            recorders.person = person
            urls.append(record_doomed(person, f"doomed-{kill}"))
            assert person.call("DELETE", f"traces/doomed-{kill}").status_code == 200
            for deleted in range(kill + 1):
                assert_nothing_seen(person, f"doomed-{deleted}")
            server.kill()
            told.append(server.output)
            interrupted += any(rows_left(server, person, kill + 1))
    assert interrupted > 0
    assert recorders is not None
    with Server(tmp_path, port=port) as server:
        person = recorders.person = replace(recorders.person, server=server)
        wait_until(lambda: not any(rows_left(server, person, KILLS)))
        wait_until(lambda: not list((tmp_path / "blobs" / person.project_id).iterdir()))
        for kill, url in enumerate(urls):
            again = trace_start(f"doomed-{kill}"), step(f"doomed-{kill}-1", f"doomed-{kill}")
            assert person.ingest(*again).json() == {"success": True}
            assert_nothing_seen(person, f"doomed-{kill}")
            assert_refused(requests.put(url, data=b"again", timeout=60), 409)
        recorders.stop()
        assert set(recorders.acknowledged) <= seen_ids(person, {"traceId": "kept"})
        assert len(recorders.acknowledged) > 50
        assert recorders.refused == [], "".join([*told, server.output])
        assert not any(rows_left(server, person, KILLS))


def test_a_project_goes_in_the_background_and_the_others_record_on(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        doomed, other = new_person(server), new_person(server)
        record_doomed(doomed)
        recorders = Recorders(other, 3)
        assert doomed.call("DELETE", "").json() == {"success": True}
        assert_refused(doomed.call("GET", "traces"), 403)
        assert_refused(doomed.ingest(step()), 401)
        for table in ("steps", "data", "traces", "schemas", "merged_schemas"):
            wait_until(lambda table=table: rows(server, table, doomed.project_id) == 0)
        wait_until(lambda: not (tmp_path / "blobs" / doomed.project_id).exists())
        recorders.stop()
        assert recorders.refused == []
        assert set(recorders.acknowledged) == seen_ids(other, {})


def test_a_deletion_waits_for_a_blob_store_that_is_away_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        record_doomed(person, steps=900)
        folder = tmp_path / "blobs" / person.project_id
        away = folder.rename(tmp_path / "away")
        folder.write_text("no folder")
        assert person.call("DELETE", "traces/doomed").status_code == 200
        assert_nothing_seen(person)
        assert person.ingest(step()).status_code == 200
        assert rows(server, "data", person.project_id) == 5
        folder.unlink()
        away.rename(folder)
        wait_until(lambda: rows(server, "steps", person.project_id) + rows(server, "data", person.project_id) == 1)
        assert list(folder.iterdir()) == []
        assert server.stop() == 0
    assert "housekeeping waits" in server.output
    assert "Traceback" not in server.output


def test_the_server_deletes_what_is_older_than_its_project_keeps(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_SWEEP_SECONDS="1") as server:
        person, other = new_person(server), new_person(server)
        old, young = time.time() * 1000 - 40 * DAY_MS, time.time() * 1000 - 20 * DAY_MS
        for somebody in (person, other):
            for trace_id, at in (("old", old), ("young", young)):
                events = trace_start(trace_id, createdAt=at), step(f"{trace_id}-1", trace_id, timestamp=at)
                assert somebody.ingest(*events).status_code == 200
                item = {"dataId": f"{trace_id}-blob", "traceId": trace_id, "key": "k"}
                url = somebody.record("/presign", item).json()["presignedUrl"]
                assert requests.put(url, data=b"x", timeout=60).status_code == 200
        store = SqliteStore(tmp_path / "xray.db")
        assert store.update_project(person.project_id, name=None, retention_days=30) is not None
        store.close()
        with closing(sqlite3.connect(tmp_path / "xray.db", timeout=30)) as database, database:
            # the values came an hour ago: one that has just come would keep its trace for a while
            database.execute("UPDATE data SET stored_at_ms = stored_at_ms - ?", (60 * 60 * 1000,))
        wait_until(lambda: person.call("GET", "traces/old").status_code == 404)
        blobs = tmp_path / "blobs" / person.project_id
        wait_until(lambda: [path.name for path in blobs.iterdir()] == ["young-blob"])
        wait_until(lambda: rows(server, "deleted_traces", person.project_id) == 0)  # age is tombstone enough
        assert person.ingest(trace_start("old", createdAt=old), step("old-1", "old", timestamp=old)).status_code == 200
        assert_refused(person.call("GET", "traces/old"), 404)
        assert person.call("GET", "traces/young").status_code == 200
        assert other.call("GET", "traces/old").status_code == 200
        assert "expired trace" in server.call("GET", "/metrics").text


def test_the_server_sweeps_what_uploads_left_behind(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        item = {"dataId": "kept", "traceId": "t", "key": "k"}
        url = person.record("/presign", item).json()["presignedUrl"]
        assert requests.put(url, data=b"x", timeout=60).status_code == 200
        large = {"dataId": "large", "traceId": "t", "key": "k", "sizeBytes": 6 * 1024 * 1024}
        assert person.record("/presign", large).status_code == 200
    blobs = tmp_path / "blobs"
    (blobs / person.project_id / "orphan").write_bytes(b"x")
    (blobs / ".incoming" / "broken.part").write_bytes(b"x")
    with Server(tmp_path, XRAY_SWEEP_SECONDS="1") as server:  # all of it is young
        wait_until(lambda: (tmp_path / "housekeeping.lock").exists())
        assert (blobs / person.project_id / "orphan").exists()
    with Server(tmp_path, XRAY_SWEEP_SECONDS="1", XRAY_ABANDONED_SECONDS="1") as server:
        wait_until(lambda: not (blobs / person.project_id / "orphan").exists())
        wait_until(lambda: not list((blobs / ".incoming").iterdir()))
        wait_until(lambda: not list((blobs / ".uploads").iterdir()))
        assert (blobs / person.project_id / "kept").exists()
        assert server.stop() == 0
    assert "Traceback" not in server.output
