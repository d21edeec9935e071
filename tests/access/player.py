"""Somebody who calls everything with anything, the ids, cursors and URLs of other projects above all."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.access.managing import MEMBERS, Managing
from tests.access.uploading import Uploading
from tests.access.world import API, Cursor, Link, World

__all__ = ["Player"]

NOW_MS = 1_768_150_521_013


class Player(Managing):
    """Plays one random call at a time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._plays: list[tuple[Callable[[], None], int]] = [
            (self.ingest, 20),
            (self.query, 18),
            (self.trace, 10),
            (self.list_traces, 6),
            (self.data_link, 10),
            (self.follow_link, 12),
            (self.follow_altered_link, 6),
            (self.schemas, 3),
            *self.managing_plays(),
            *Uploading(world).plays(),
        ]

    def play(self) -> None:
        plays, weights = zip(*self._plays, strict=True)
        self.chance.choices(plays, weights)[0]()

    def ingest(self) -> None:
        key = self.world.any_key()
        project_id = self.who_may.project_of.get(key, "")
        mark = self.world.mark.get(project_id, "nothing")
        events, sound = self._events(mark, project_id), []
        for event in events:
            if self.chance.random() < 0.3:
                event["projectId"] = self.world.any_project()
            is_foreign = event["type"] == "data" and self.chance.random() < 0.4
            if is_foreign:
                event["dataPath"] = f"{self.world.other_project(project_id)}/{event['dataId']}"
            else:
                sound.append(event)
        answer = self.wire.call("POST", f"{API}/ingest", key=key, json={"events": events})
        verdict = self.who_may.by_key(key)
        if not self.world.hold("ingest", answer, verdict, {200} if sound else {400}, set()):
            return
        assert answer.json().get("accepted", len(events)) == len(sound), answer.said
        for event in sound:
            if event["type"] == "data":
                self.world.lengths[project_id, event["dataId"]].add(len(event["content"]))
            if event["type"] == "step" and (project_id, event["traceId"]) not in self.who_may.deleted_traces:
                self.who_may.steps[project_id].setdefault(event["stepId"], event["metadata"]["n"])

    def _events(self, mark: str, project_id: str) -> list[dict[str, Any]]:
        said = {"secret": mark, "n": self.chance.getrandbits(40)}
        trace_id = self.world.any_trace_id()
        trace = {"traceId": trace_id, "metadata": said}
        artifacts = [{"dataId": self.world.any_data_id(), "type": "input", "key": mark}]
        step = {
            "stepId": f"{trace_id}.{self.chance.randrange(9)}",
            "stepName": mark,
            "stepNumber": 1,
            "timestamp": NOW_MS,
        }
        kinds: list[dict[str, Any]] = [
            {"type": "trace-start", "createdAt": NOW_MS, "name": mark, **trace},
            {"type": "step", "artifacts": artifacts, **step, **trace},
            {"type": "data", "dataId": self.world.any_data_id(), "key": mark, "content": f"value of {mark}", **trace},
        ]
        return self.chance.sample(kinds, self.chance.randint(1, 3))

    def query(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        collection = self.chance.choice(["", "/traces"])
        question = self._question()
        asked = question | {"limit": self.chance.choice([1, 5, 100]), "count": self.chance.random() < 0.4}
        fine = {200}
        if self.world.cursors and self.chance.random() < 0.4:
            cursor = self.chance.choice(self.world.cursors)
            asked["cursor"] = cursor.text
            if self.chance.random() < 0.8:  # the same query, in the same project or in another one
                collection = cursor.collection
                question = msgspec.json.decode(cursor.question)
                asked |= question
                project_id = self.chance.choice([cursor.project_id, project_id])
            said = (project_id, collection, msgspec.json.encode(question).decode())
            fine = {200} if said == (cursor.project_id, cursor.collection, cursor.question) else {400}
        answer = self.wire.call("POST", f"{API}/projects/{project_id}{collection}/query", token=token, json=asked)
        kind = "query" if question["sort"] is None else "sorted query"
        if self.world.hold_in_project(kind, answer, token, project_id, MEMBERS, fine):
            found = answer.json()
            assert {document["projectId"] for document in found["results"]} <= {project_id}, answer.said
            self._keep_cursor(project_id, collection, question, found["nextCursor"])
            if asked["count"] and not collection:
                self._hold_count(project_id, question["filter"], found["count"], answer.said)

    def _question(self) -> dict[str, Any]:
        orders = [{"metadata.n": 1}, {"metadata.secret": -1}, {"traceId": 1}, {"projectId": -1}, {"metadata.no": 1}]
        return {"filter": self._condition(), "sort": self.chance.choice([None, None, *orders])}

    def _hold_count(self, project_id: str, condition: object, count: int, said: str) -> None:
        """Count what this project holds: exactly where all its steps are asked for, and never more."""
        due = len(self.who_may.steps[project_id])
        is_all = condition in ({}, {"projectId": {"$ne": "x"}}, {"metadata.secret": {"$exists": True}})
        assert count == due if is_all else count <= due, f"{said}\ncounted {count} of {due}"

    def _condition(self) -> dict[str, Any]:
        other = self.world.any_project()
        return self.chance.choice(
            [
                {},
                {"projectId": other},
                {"projectId": {"$ne": "x"}},
                {"$or": [{"projectId": other}, {"metadata.n": {"$gt": 0}}]},
                {"$nor": [{"projectId": "x"}]},
                {"projectId": {"$in": list(self.world.mark)}},
                {"metadata.secret": {"$regex": "^MARK"}},
                {"metadata.secret": {"$exists": True}},
            ]
        )

    def list_traces(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        path, fine = f"{API}/projects/{project_id}/traces?limit=5", {200}
        if self.world.cursors and self.chance.random() < 0.3:
            path += f"&cursor={self.chance.choice(self.world.cursors).text}"
            fine = {400}  # it is one of a query
        self.world.hold_in_project(
            "list traces", self.wire.call("GET", path, token=token), token, project_id, MEMBERS, fine
        )

    def trace(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        path, fine = f"{API}/projects/{project_id}/traces/{self.world.any_trace_id()}", {200, 404}
        if self.world.cursors and self.chance.random() < 0.2:
            path += f"?cursor={self.chance.choice(self.world.cursors).text}"
            fine = {400}
        self.world.hold_in_project("trace", self.wire.call("GET", path, token=token), token, project_id, MEMBERS, fine)

    def data_link(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        path = f"{API}/projects/{project_id}/traces/{self.world.any_trace_id()}/data/{self.world.any_data_id()}"
        answer = self.wire.call("GET", path, token=token)
        if self.world.hold_in_project("data link", answer, token, project_id, MEMBERS, {200, 404}):
            url = answer.json()["presignedUrl"]
            if url is not None:
                parts = urlsplit(url)
                self.world.keep_link(Link(project_id, "GET", f"{parts.path}?{parts.query}"))

    def schemas(self) -> None:
        token, project_id = self.world.any_token(), self.world.any_project()
        path = f"{API}/projects/{project_id}/schemas?detail={self.chance.choice('01')}"
        self.world.hold_in_project(
            "schemas", self.wire.call("GET", path, token=token), token, project_id, MEMBERS, {200}
        )

    def follow_link(self) -> None:
        if not self.world.links:
            return
        link = self.chance.choice(self.world.links)
        body = f"value of {self.world.mark[link.project_id]}".encode() if link.method == "PUT" else None
        asked = self.chance.choice(["", "bytes=0-99", "bytes=-30", "bytes=3-", "bytes=9999999-"])
        headers = {"Range": asked} if asked and link.method == "GET" else {}
        answer = self.wire.call(link.method, link.path, body=body, headers=headers)
        is_there = link.project_id in self.who_may.steps
        gone = {404} if link.method == "GET" else {404, 409}  # a value that was deleted is not taken again
        fine, seen = (gone | {200}, {link.project_id}) if is_there else (gone, set())
        if headers and is_there:
            fine |= {206, 416}
        if body is not None:
            data_id = urlsplit(link.path).path.rpartition("/")[2]
            if self.world.other_lengths(link.project_id, data_id, len(body)):
                fine |= {400}
            elif is_there:
                self.world.lengths[link.project_id, data_id].add(len(body))
        self.world.hold(
            f"{link.method} {'of range ' if headers else ''}by URL", answer, self.who_may.by_url(True), fine, seen
        )

    def follow_altered_link(self) -> None:
        if not self.world.links:
            return
        link = self.chance.choice(self.world.links)
        other = self.world.other_project(link.project_id)
        path, _, arguments = link.path.partition("?")
        altered = self.chance.choice(
            [
                f"{path.replace(link.project_id, other)}?{arguments}",
                f"{path.rpartition('/')[0]}/another?{arguments}",
                f"{path}?{arguments.replace('expires=1', 'expires=2')}",
                f"{path}?{arguments}&name=x",
                f"{path}?{arguments[:-4]}0000",
                path,
            ]
        )
        answer = self.wire.call(link.method, altered, body=b"altered" if link.method == "PUT" else None)
        self.world.hold("altered URL", answer, self.who_may.by_url(altered == link.path), {200, 404}, {link.project_id})

    def _keep_cursor(self, project_id: str, collection: str, question: object, text: str | None) -> None:
        if text is not None:
            said = msgspec.json.encode(question).decode()
            self.world.cursors = [*self.world.cursors[-100:], Cursor(project_id, collection, said, text)]
