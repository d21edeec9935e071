"""Each write to a collection that is sharded by project and `_id` names both, and each read one of them."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from pymongo import monitoring

from tests.backend.store.mongodb.clock import SetClock
from tests.contract.stores import Opener
from tests.contract.test_deletions import DAY_MS, full_trace, is_empty, keep_for, remove_all
from tests.contract.test_store import failure, step
from xray_backend.query.tree import And
from xray_backend.store.records import EventBatch

SHARDED: Final = {"traces", "steps", "data"}
FILTERS: Final[Mapping[str, tuple[str, str]]] = {"update": ("updates", "q"), "delete": ("deletes", "q")}
NAMES: Final[Mapping[str, str]] = {"find": "filter", "findAndModify": "query", "distinct": "query"}

LEFT_OUT: Final = {"listIndexes", "endSessions"}
"""Commands that concern no document."""

_heard = threading.local()


class _Listener(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        commands: list[Mapping[str, Any]] | None = getattr(_heard, "commands", None)
        if commands is None or event.command_name in LEFT_OUT:
            return
        if event.command.get(event.command_name) in SHARDED:
            commands.append({"name": event.command_name, **event.command})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


monitoring.register(_Listener())


@pytest.fixture
def commands() -> Iterator[list[Mapping[str, Any]]]:
    _heard.commands = []
    yield _heard.commands
    _heard.commands = None


def filters_of(command: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    name = command["name"]
    if name == "insert":
        return list(command["documents"])
    if name == "aggregate":
        return [stage["$match"] for stage in command["pipeline"] if "$match" in stage]
    if name in FILTERS:
        listed, filter_ = FILTERS[name]
        return [each[filter_] for each in command[listed]]
    return [command[NAMES[name]]]


def names_a_project(asked: Mapping[str, Any]) -> bool:
    return asked.get("projectId") == "p" or any(names_a_project(each) for each in asked.get("$and", ()))


def reads_by_id(command: Mapping[str, Any]) -> bool:
    return command["name"] == "find" and set(command["filter"]) == {"_id"}


def test_each_write_names_its_project_and_so_does_each_read_that_names_no_id(
    opener: Opener, clock: SetClock, commands: list[Mapping[str, Any]]
) -> None:
    store = opener()
    keep_for(store, 30)
    store.write(EventBatch("p", steps=[step("s", "t", pending=True), step("u", "t")]))
    store.write(EventBatch("p", steps=[step("s", "t")], traces=[failure("t", why="late")]))
    for trace_id in ("deleted", "expired"):
        store.write(full_trace(trace_id))
    assert not is_empty(store, "deleted")
    assert store.count("steps", "p", And(())) > 0
    store.delete_trace("p", "deleted")
    remove_all(store)
    clock.now_ms += 31 * DAY_MS
    while store.expire_traces(100):
        remove_all(store)
    store.delete_project("p")
    remove_all(store)
    assert {each["name"] for each in commands} >= {"insert", "update", "find", "delete", "findAndModify", "aggregate"}
    for command in commands:
        filters = filters_of(command)
        assert filters
        assert reads_by_id(command) or all(map(names_a_project, filters)), command
