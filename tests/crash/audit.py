"""What the server has, counted against what the programs said had returned."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import requests

from tests.backend.server import Server, call
from tests.crash.delivery import log_in, stored_steps
from tests.crash.labels import INLINE_MAX_BYTES, payload_of

__all__ = ["Audit"]


class Audit:
    """Asks the server, as the person whose keys the programs have."""

    def __init__(self, server: Server, project_id: str | None = None) -> None:
        self._server = server
        self._token = log_in(server)
        self._project_id = project_id or server.credentials["projectId"]

    def faults(self, run: str, returned: Collection[str], in_flight: int) -> list[str]:
        """Return in words what is miscounted, and what is not as it was passed."""
        values = [fault for step in self.steps(run) for fault in self._wrong_values(step)]
        return self.miscounted(run, returned, in_flight) + values

    def miscounted(self, run: str, returned: Collection[str], in_flight: int = 0) -> list[str]:
        """Return in words what is missing, there twice, or there though no call with that label can have ended."""
        found = self.labels(run)
        extra = [label for label in found if label not in returned]
        faults = [f"{label} is missing" for label in sorted(set(returned) - set(found))]
        faults += [f"{label} is there {count} times" for label, count in found.items() if count != 1]
        if len(extra) > in_flight:
            faults.append(f"more than were running are there besides: {extra}")
        return faults

    def labels(self, run: str) -> Counter[str]:
        """Return how often each label is there."""
        return Counter(str(step["inputs"]["label"]["value"]) for step in self.steps(run))

    def steps(self, run: str) -> list[dict[str, Any]]:
        """Return the run's steps that have ended."""
        found = stored_steps(self._server, self._token, run, self._project_id)
        return [step for step in found if step["type"] == "step" and not step.get("pending")]

    def _wrong_values(self, step: dict[str, Any]) -> Iterator[str]:
        label = str(step["inputs"]["label"]["value"])
        payload = payload_of(label)
        summary = step["inputs"]["payload"]
        if summary["length"] != len(payload) or summary.get("value", payload) != payload:
            yield f"{label} has another summary: {summary}"
        if step["output"] is None:
            yield f"{label} has no output"
        if len(payload) > INLINE_MAX_BYTES and (content := self._content(step)) != payload.encode():
            yield f"{label} has another large value: {content[:80]!r}"

    def _content(self, step: dict[str, Any]) -> bytes:
        data_ids = [artifact["dataId"] for artifact in step["artifacts"] if artifact["key"] == "payload"]
        if len(data_ids) != 1:
            return f"{len(data_ids)} artifacts".encode()
        (data_id,) = data_ids
        path = f"/api/v1/projects/{self._project_id}/traces/{step['traceId']}/data/{data_id}"
        data = self._server.call("GET", path, token=self._token).json()
        if not data.get("uploaded"):
            return f"not uploaded: {data}".encode()
        answer: requests.Response = call("GET", data["presignedUrl"])
        return answer.content
