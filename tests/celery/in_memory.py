"""An app whose broker is in this process's memory, and what its tasks are recorded as."""

from collections.abc import Iterator
from typing import Any

import pytest
import xray_celery
from celery import Celery

import xray_trace as xray
from xray_trace.testing import MemoryTracer, RecordedStep

__all__ = ["AT_ONCE", "NOBODY", "Tasks", "inner", "is_below", "named", "names", "tasks"]

NOBODY = "pyamqp://127.0.0.1:9//"
AT_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


class Tasks:
    """An app with a broker in memory."""

    def __init__(self) -> None:
        self.app = Celery("tasks", broker="memory://", backend="cache+memory://", set_as_current=False)
        self.app.conf.task_publish_retry_policy = AT_ONCE

        @self.app.task(name="add", shared=False)
        def add(x: int, y: int = 1) -> int:
            return inner(x) + y

        @self.app.task(name="again", shared=False, bind=True, max_retries=2, default_retry_delay=0)
        def again(task: Any, succeed_at: int) -> int:
            if task.request.retries < succeed_at:
                raise task.retry(exc=ConnectionError("busy"))
            return int(task.request.retries)

        @self.app.task(name="fail", shared=False)
        def fail() -> None:
            raise ValueError("no luck")

        @self.app.task(name="outer", shared=False)
        def outer(x: int) -> int:
            return int(add.apply((x,)).get())

        self.add, self.again, self.fail, self.outer = add, again, fail, outer

    def messages(self) -> list[dict[str, Any]]:
        """Return the headers of the messages that wait in the queue."""
        with self.app.connection_for_read() as connection, connection.channel() as channel:
            return [message.headers for message in iter(lambda: channel.basic_get("celery"), None)]


@xray.step
def inner(value: int) -> int:
    return value


@pytest.fixture
def tasks(recorder: MemoryTracer) -> Iterator[Tasks]:
    tasks = Tasks()
    tasks.messages()
    xray_celery.install(tasks.app)
    yield tasks
    tasks.messages()
    xray_celery.uninstall()
    tasks.app.close()


def names(recorder: MemoryTracer) -> list[str | None]:
    return [step.name for step in recorder.steps]


def named(recorder: MemoryTracer, name: str) -> RecordedStep:
    [step] = [step for step in recorder.steps if step.name == name]
    return step


def is_below(child: RecordedStep, parent: RecordedStep) -> bool:
    return bool(child.event["parentStepId"] == parent.event["stepId"])
