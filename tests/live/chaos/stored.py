"""What is there at the end, as a person who asks the API sees it, and as it lies in the database and the bucket."""

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo import MongoClient

from tests.backend.server import call
from tests.live.chaos.stage import Stage

__all__ = ["Stored"]

PAGE = 100


class Stored:
    """Asks the API; and the database and the blob store behind its back."""

    def __init__(self, stage: Stage) -> None:
        self._person = stage.person
        self._s3 = stage.s3.endpoint.client()
        with MongoClient[dict[str, Any]](stage.mongodb.url) as client:
            mine = {"projectId": self._person.project_id}
            self.documents = {name: list(client.xray[name].find(mine)) for name in ("traces", "steps", "data")}
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
