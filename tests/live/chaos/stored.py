"""What is there at the end, as a person who asks the API sees it, and as it lies in the database and the bucket."""

import time
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from tests.backend.server import Person, call
from tests.live.chaos.stage import Stage

__all__ = ["Stored"]

PAGE = 100
COLLECTIONS = ("traces", "steps", "data")
REMOVED_SECONDS = 60.0  # the server looks every five for what was deleted
LOOK_SECONDS = 0.2


class Stored:
    """What is there of one project: asks the API; and the database and the blob store behind its back."""

    def __init__(self, stage: Stage, person: Person, deleted: Collection[str]) -> None:
        self._person = person
        self._s3 = stage.s3.endpoint.client()
        with MongoClient[dict[str, Any]](stage.mongodb.url) as client:
            _wait_until_removed(client.xray, person.project_id, deleted)
            mine = {"projectId": person.project_id}
            self.documents = {name: list(client.xray[name].find(mine)) for name in COLLECTIONS}
            """What lies in each collection."""
        self.steps = list(self._asked("query"))
        self.traces = list(self._asked("traces/query"))

    def in_bucket(self, record: Mapping[str, Any]) -> bytes:
        """Return the bytes of a value that came by itself, from where they lie; in words why there are none."""
        try:
            return self._s3.get_object(Bucket="xray-blobs", Key=f"blobs/{record['dataPath']}")["Body"].read()
        except self._s3.exceptions.NoSuchKey as error:
            return str(error).encode()

    def linked(self, record: Mapping[str, Any]) -> bytes:
        """Return the bytes of a value as the API's link gives them; in words why it gives none."""
        found = self._answer("GET", f"traces/{record['traceId']}/data/{record['dataId']}")
        return call("GET", found["presignedUrl"]).content if found["uploaded"] else str(found).encode()

    def shows(self, trace_id: str) -> bool:
        """Tell whether the API shows this trace."""
        answered = self._person.call("GET", f"traces/{trace_id}")
        assert answered.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND), answered.text
        return answered.status_code == HTTPStatus.OK

    def close(self) -> None:
        """Let go of the blob store."""
        self._s3.close()

    def _asked(self, path: str) -> Iterator[dict[str, Any]]:
        body: dict[str, Any] = {"filter": {}, "limit": PAGE}
        while True:
            page = self._answer("POST", path, json=body)
            yield from page["results"]
            if page["nextCursor"] is None:
                return
            body["cursor"] = page["nextCursor"]

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        answered = self._person.call(method, path, **options)
        assert answered.status_code == 200, answered.text
        return answered.json()


def _wait_until_removed(database: Database[dict[str, Any]], project_id: str, deleted: Collection[str]) -> None:
    """Return once nothing of these traces is left; what is left in the end is told by whoever counts."""
    asked = {"projectId": project_id, "traceId": {"$in": list(deleted)}}
    deadline = time.monotonic() + REMOVED_SECONDS
    while any(database[name].find_one(asked) for name in COLLECTIONS) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
