"""The program under test: two apps, each with a worker of its own, and with a task of the same name.

As a program it publishes to both, below one trace, and prints the ids.
"""

import json
import os

import xray_celery
from celery import Celery

import xray_trace as xray

BROKER = os.environ["TEST_BROKER"]
GET_SECONDS = 30.0


def app_of(name: str) -> Celery:
    app = Celery(name, broker=BROKER, backend=BROKER)
    app.conf.update(task_default_queue=name, broker_connection_retry_on_startup=True)
    return app


first = app_of("first")
second = app_of("second")  # the current app from here on
if os.environ["TEST_INSTALLED"] == "first":
    xray_celery.install(first)
else:
    xray_celery.install()


@first.task(name="tests.same", shared=False)
def of_first(x: int, y: int) -> int:
    return x + y


@second.task(name="tests.same", shared=False)
def of_second(left: int, right: int) -> int:
    return left * right


def publish() -> dict[str, str]:
    with xray.trace("request") as began:
        results = [of_second.delay(3, 4), of_first.delay(3, 4), second.send_task("tests.unknown", queue="nobody")]
    assert [result.get(GET_SECONDS) for result in results[:2]] == [12, 7]
    xray.flush(GET_SECONDS)
    return {"trace": began.trace_id, **dict(zip(("second", "first", "unknown"), map(str, results), strict=True))}


if __name__ == "__main__":
    print(json.dumps(publish()))
