"""Deleting traces and projects: who may, what is seen afterwards, and what comes again."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.backend.api.events import data, step, step_error, trace_start, trace_success
from tests.backend.background import wait_until
from tests.backend.server import Person, Server, assert_refused, new_person


def events(trace_id: str) -> list[dict[str, Any]]:
    return [
        trace_start(trace_id),
        step(f"{trace_id}-1", trace_id, metadata={"a": 1}),
        step_error(f"{trace_id}-2", trace_id),
        data(f"{trace_id}-in", trace_id, content="inline"),
        trace_success(trace_id),
    ]


def announced(person: Person, data_id: str, trace_id: str, **fields: Any) -> dict[str, Any]:
    answered = person.record("/presign", {"dataId": data_id, "traceId": trace_id, "key": "frame"} | fields)
    assert answered.status_code == 200, answered.text
    content: dict[str, Any] = answered.json()
    return content


def record(person: Person, trace_id: str) -> dict[str, str]:
    """Record a trace with a blob, and return all URLs that were ever given out for it."""
    assert person.ingest(*events(trace_id)).json() == {"success": True}
    to_put = announced(person, f"{trace_id}-up", trace_id)["presignedUrl"]
    assert requests.put(to_put, data=b"blob", timeout=60).status_code == 200
    urls = {"put": to_put}
    for kind in ("in", "up"):
        urls[kind] = person.call("GET", f"traces/{trace_id}/data/{trace_id}-{kind}").json()["presignedUrl"]
    return urls


def seen(person: Person) -> set[str]:
    """Return the ids of the traces of which anything is seen in lists and queries."""
    listed = person.call("GET", "traces").json()["traces"]
    found = person.call("POST", "traces/query", json={"filter": {}}).json()["results"]
    return {document["traceId"] for document in [*listed, *found, *person.steps({})]}


def rows_of(server: Server, project_id: str) -> int:
    connection = sqlite3.connect(server.data_dir / "xray.db")
    try:
        tables = ("steps", "traces", "data")
        counts = [
            connection.execute(f"SELECT count(*) FROM {table} WHERE project_id = ?", (project_id,)).fetchone()[0]
            for table in tables
        ]
        return sum(counts)
    finally:
        connection.close()


def blobs_of(person: Person) -> list[str]:
    folder = person.server.data_dir / "blobs" / person.project_id
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_deleted_trace_is_not_seen_by_any_call_and_the_others_are(somebody: Person) -> None:
    urls, kept = record(somebody, "doomed"), record(somebody, "kept")
    assert seen(somebody) == {"doomed", "kept"}
    answered = somebody.call("DELETE", "traces/doomed")
    assert (answered.status_code, answered.json()) == (200, {"success": True})
    assert seen(somebody) == {"kept"}
    for path in ("traces/doomed", "traces/doomed/data/doomed-in", "traces/doomed/data/doomed-up"):
        assert_refused(somebody.call("GET", path), 404)
    for kind in ("in", "up"):
        assert_refused(requests.get(urls[kind], timeout=60), 404)
        assert requests.get(kept[kind], timeout=60).status_code == 200
    assert_refused(somebody.call("DELETE", "traces/doomed"), 404)
    wait_until(lambda: rows_of(somebody.server, somebody.project_id) == 1 + 2 + 2)
    assert blobs_of(somebody) == ["kept-up"]


def test_only_an_owner_deletes(somebody: Person, person: Person, server: Server) -> None:
    record(somebody, "mine")
    for stranger in (person, new_person(server)):
        for path in (f"{somebody.project_id}/traces/mine", somebody.project_id):
            assert_refused(stranger.call("DELETE", f"/api/v1/projects/{path}"), 403)
    for path in (f"{somebody.project_id}/traces/mine", somebody.project_id):
        assert_refused(server.call("DELETE", f"/api/v1/projects/{path}"), 401)
        assert_refused(server.call("DELETE", f"/api/v1/projects/{path}", key=somebody.key), 401)
    connection = sqlite3.connect(server.data_dir / "xray.db")
    connection.execute(
        "INSERT INTO project_members (project_id, user_id, role, joined_at_ms) VALUES (?, ?, 'member', 1)",
        (somebody.project_id, person.user_id),
    )
    connection.commit()
    connection.close()
    assert person.call("GET", f"/api/v1/projects/{somebody.project_id}/traces/mine").status_code == 200
    for path in (f"{somebody.project_id}/traces/mine", somebody.project_id):
        assert_refused(person.call("DELETE", f"/api/v1/projects/{path}"), 403)
    assert seen(somebody) == {"mine"}


def test_a_trace_that_is_not_there_is_not_found(person: Person) -> None:
    for trace_id in ("none", "a%2Fb", "x" * 300, "%00"):
        assert_refused(person.call("DELETE", f"traces/{trace_id}"), 404)


@pytest.mark.parametrize("trace_id", ["..", "", ".", "%2e%2e", "../"])
def test_deleting_a_trace_of_a_strange_name_never_deletes_the_project(somebody: Person, trace_id: str) -> None:
    assert somebody.call("DELETE", f"/api/v1/projects/{somebody.project_id}/traces/{trace_id}").status_code in (
        404,
        405,
    )
    assert somebody.call("GET", "").status_code == 200


def test_what_was_deleted_stays_deleted_when_its_events_come_again(somebody: Person) -> None:
    urls = record(somebody, "doomed")
    somebody.call("DELETE", "traces/doomed")
    for _ in range(2):
        assert somebody.ingest(*events("doomed"), step("fresh", "fresh")).json() == {"success": True}
        assert seen(somebody) == {"fresh"}
        assert_refused(somebody.call("GET", "traces/doomed"), 404)
        wait_until(lambda: rows_of(somebody.server, somebody.project_id) == 2)
    again = announced(somebody, "doomed-up", "doomed")["presignedUrl"]
    for url in (urls["put"], again):
        assert "deleted" in assert_refused(requests.put(url, data=b"again", timeout=60), 409)
    for kind in ("in", "up"):
        assert_refused(requests.get(urls[kind], timeout=60), 404)
    assert blobs_of(somebody) == []
    counted = somebody.server.call("GET", "/metrics").text
    assert 'xray_store_documents_total{outcome="deleted"}' in counted


def test_a_client_that_comes_again_with_a_large_value_of_a_deleted_trace_is_done_without_sending_it(
    somebody: Person,
) -> None:
    record(somebody, "doomed")
    fields = {"sizeBytes": 100_000}
    assert "presignedUrl" in announced(somebody, "small", "doomed", **fields)
    somebody.call("DELETE", "traces/doomed")
    upload = announced(somebody, "large", "doomed", uploadId="0" * 32, sizeBytes=100_000)["upload"]
    assert [set(part) for part in upload["parts"]] == [{"partNumber", "etag"}]
    parts = [{"partNumber": part["partNumber"], "etag": part["etag"]} for part in upload["parts"]]
    done = somebody.record("/presign/complete", {"dataId": "large", "uploadId": upload["uploadId"], "parts": parts})
    assert (done.status_code, done.json()) == (200, {"success": True})
    assert_refused(somebody.call("GET", "traces/doomed/data/large"), 404)
    assert blobs_of(somebody) == []
    items = [{"dataId": name, "traceId": trace, "key": "k"} for name, trace in (("a", "doomed"), ("b", "alive"))]
    answers = somebody.record("/presign/batch", {"items": items}).json()["items"]
    assert requests.put(answers[0]["presignedUrl"], data=b"x", timeout=60).status_code == 409
    assert requests.put(answers[1]["presignedUrl"], data=b"x", timeout=60).status_code == 200


def test_a_deleted_project_is_gone_for_its_owner_its_keys_and_its_urls(server: Server, person: Person) -> None:
    owner = new_person(server)
    urls = record(owner, "doomed")
    assert owner.call("DELETE", "").json() == {"success": True}
    nothing = assert_refused(person.call("GET", "/api/v1/projects/no-such-project"), 403)
    for method, path in (
        ("GET", ""), ("DELETE", ""), ("GET", "traces"), ("GET", "traces/doomed"), ("GET", "schemas"), ("GET", "keys"),
        ("GET", "traces/doomed/data/doomed-in"), ("DELETE", "traces/doomed"), ("POST", "query"), ("POST", "keys"),
    ):  # fmt: skip
        body = {"filter": {}} if path == "query" else {"name": "x"} if method == "POST" else None
        assert assert_refused(owner.call(method, path, json=body), 403) == nothing
    assert owner.call("GET", "/api/v1/projects").json() == {"projects": []}
    assert_refused(owner.ingest(*events("doomed")), 401)
    assert_refused(owner.record("/presign", {"dataId": "d", "traceId": "t", "key": "k"}), 401)
    assert_refused(requests.put(urls["put"], data=b"again", timeout=60), 409)
    for kind in ("in", "up"):
        assert_refused(requests.get(urls[kind], timeout=60), 404)
    wait_until(lambda: rows_of(server, owner.project_id) == 0)
    wait_until(lambda: not (server.data_dir / "blobs" / owner.project_id).exists())
    assert_refused(requests.put(urls["put"], data=b"again", timeout=60), 409)
    assert blobs_of(owner) == []


def test_uploads_that_run_while_their_trace_is_deleted_leave_no_blob(somebody: Person) -> None:
    for number in range(5):
        trace_id = f"doomed-{number}"
        somebody.ingest(trace_start(trace_id))
        urls = [announced(somebody, f"{trace_id}-{blob}", trace_id)["presignedUrl"] for blob in range(4)]

        def upload(url: str) -> set[int]:
            statuses = set()
            while 409 not in statuses:
                statuses.add(requests.put(url, data=b"x" * 50_000, timeout=60).status_code)
            return statuses

        with ThreadPoolExecutor(4) as pool:
            uploading = [pool.submit(upload, url) for url in urls]
            wait_until(lambda: len(blobs_of(somebody)) > 0)
            assert somebody.call("DELETE", f"traces/{trace_id}").status_code == 200
            # The first may see the deletion, too: its blob has a name before it is answered.
            assert {status for done in uploading for status in done.result(60)} <= {200, 409}
        wait_until(lambda: blobs_of(somebody) == [])


def test_a_cursor_leads_to_nothing_of_a_deleted_trace(somebody: Person) -> None:
    names = [f"s{number}" for number in range(6)]
    somebody.ingest(*[step(name, "doomed" if name < "s3" else "kept") for name in names])
    first = somebody.call("POST", "query", json={"filter": {}, "limit": 1}).json()
    somebody.call("DELETE", "traces/doomed")
    rest = somebody.call("POST", "query", json={"filter": {}, "cursor": first["nextCursor"]}).json()["results"]
    assert {result["traceId"] for result in rest} <= {"kept"}
    assert len(rest) in (2, 3)


def test_what_was_removed_is_counted(somebody: Person) -> None:
    def removed(kind: str) -> float:
        lines = somebody.server.call("GET", "/metrics").text.splitlines()
        found = [line for line in lines if line.startswith(f'xray_removed_items_total{{kind="{kind}"}}')]
        return float(found[0].split()[-1]) if found else 0

    before = {kind: removed(kind) for kind in ("row", "blob")}
    record(somebody, "doomed")
    somebody.call("DELETE", "traces/doomed")
    wait_until(lambda: rows_of(somebody.server, somebody.project_id) == 0)
    wait_until(lambda: removed("row") - before["row"] == 4 and removed("blob") - before["blob"] == 1)


@pytest.mark.parametrize("path", ["traces/doomed", ""])
def test_deleting_takes_no_body_and_says_what_the_document_says(somebody: Person, path: str) -> None:
    record(somebody, "doomed")
    answered = somebody.call("DELETE", path, json={"anything": 1})
    assert json.loads(answered.content) == {"success": True}
    document = somebody.server.call("GET", "/openapi.json").json()
    name = "/api/v1/projects/{projectId}" + ("/traces/{traceId}" if path else "")
    assert {"200", "401", "403", "404", "503"} <= set(document["paths"][name]["delete"]["responses"])
