"""However many traces of a project were deleted just now: reads answer, or say why they do not."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.backend.api.events import step
from tests.backend.server import Person, Server, assert_refused, new_person
from tests.contract.stores import new_database
from xray_backend.store.mongodb.visible import MOST_DELETED, MOST_HIDDEN

AT_ONCE = 5_000
LONGEST_ID = 200  # characters; the wire contract's number


class Hidden:
    """A server on MongoDB, somebody with one trace, and tombstones that hide what was never there."""

    def __init__(self, person: Person, client: "MongoClient[dict[str, Any]]") -> None:
        self.person = person
        self._tombstones = client.get_default_database()["deletedTraces"]

    def become(self, count: int) -> None:
        """Hide so many, as they are until their last look."""
        last_look = datetime.now(timezone.utc) + timedelta(minutes=14)
        project_id = self.person.project_id
        for begin in range(self._tombstones.count_documents({"projectId": project_id}), count, AT_ONCE):
            ids = [f"{number}".rjust(LONGEST_ID, "x") for number in range(begin, min(begin + AT_ONCE, count))]
            self._tombstones.insert_many(
                [
                    {"_id": f"{project_id}/{each}", "projectId": project_id, "traceId": each, "lookAt": last_look}
                    for each in ids
                ]
            )

    def remove_one(self) -> None:
        """Hide one less."""
        self._tombstones.update_one({"projectId": self.person.project_id}, {"$unset": {"lookAt": True}})

    def delete(self) -> Any:
        """Delete the trace."""
        return self.person.call("DELETE", "traces/trace-1")


@pytest.fixture
def hidden(mongodb_url: str, tmp_path: Path) -> Iterator[Hidden]:
    with new_database(mongodb_url) as url, MongoClient[dict[str, Any]](url) as client:
        variables = {"XRAY_STORE_URL": url, "XRAY_JWT_SECRET": "j" * 32}
        with Server(tmp_path, command="serve", **variables) as server:
            person = new_person(server)
            assert person.ingest(step()).status_code == 200
            yield Hidden(person, client)


def test_when_many_are_hidden_reads_go_on_and_a_further_deletion_is_429_until_there_is_room(hidden: Hidden) -> None:
    hidden.become(MOST_DELETED)
    assert "10,000 traces of this project are still being removed" in assert_refused(hidden.delete(), 429)
    for path in ("traces", "traces/trace-1"):
        assert hidden.person.call("GET", path).status_code == 200
    assert [found["stepId"] for found in hidden.person.steps({})] == [step()["stepId"]]
    hidden.remove_one()
    assert hidden.delete().status_code == 200
    assert hidden.person.steps({}) == []


@pytest.mark.live  # so many take two minutes to write
@pytest.mark.timeout(600)
def test_when_late_events_hide_more_than_a_query_can_leave_out_reads_are_503_that_says_why(hidden: Hidden) -> None:
    hidden.become(MOST_HIDDEN)
    assert len(hidden.person.steps({})) == 1
    hidden.become(MOST_HIDDEN + 1)
    for method, path, body in (("GET", "traces", None), ("POST", "query", {"filter": {}})):
        answered = hidden.person.call(method, path, json=body)
        assert "More than 50,000 traces of this project are being deleted" in assert_refused(answered, 503)
    assert hidden.person.call("DELETE", "").status_code == 200
