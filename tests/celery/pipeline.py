"""The program under test: an app with tasks of every kind, its broker and options from the environment."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import xray_celery
from celery import Celery, chain, chord, group
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

import xray_trace as xray

BROKER = os.environ.get("TEST_BROKER", "memory://")

BACKEND = os.environ.get("TEST_BACKEND", BROKER if BROKER.startswith("redis") else "cache+memory://")

app = Celery("pipeline", broker=BROKER, backend=BACKEND)
app.conf.update(
    broker_connection_retry_on_startup=True,
    beat_schedule={"tick": {"task": "tests.tick", "schedule": 0.2, "args": ["tock"]}},
)
xray_celery.install(app, ignore=["tests.quiet"])


@xray.step
def inner(value: int) -> int:
    return value + 1


def headers_of(task: Any) -> dict[str, Any]:
    return {name: value for name, value in task.request.headers.items() if isinstance(value, (str, dict))}


@app.task(name="tests.add")
def add(x: int, y: int = 1) -> int:
    return x + y


@app.task(name="tests.nest")
def nest(value: int) -> int:
    return inner(value)


@app.task(name="tests.total")
def total(values: list[int]) -> int:
    return sum(values)


@app.task(name="tests.tick")
def tick(word: str) -> str:
    return word


@app.task(name="tests.quiet")
def quiet(value: int) -> int:
    add.delay(value, 1)
    return value


@app.task(name="tests.fail")
def fail(text: str) -> None:
    raise ValueError(text)


@app.task(name="tests.note_failure")
def note_failure(task_id: str) -> str:  # one that takes more is called in place, as a function
    return task_id


@app.task(name="tests.retry", bind=True, max_retries=3, default_retry_delay=0)
def retry(self: Any, succeed_at: int) -> dict[str, Any]:
    if self.request.retries < succeed_at:
        raise self.retry(exc=ConnectionError(f"attempt {self.request.retries}"), countdown=0)
    return headers_of(self)


@app.task(name="tests.show_headers", bind=True)
def shown_headers(self: Any) -> dict[str, Any]:
    return headers_of(self)


@app.task(name="tests.replace", bind=True)
def replace(self: Any, value: int, by: str = "chain") -> None:
    parts = [add.s(value, 10), add.s(value, 100)]
    others = {"chain": chain(parts[0], add.s(100)), "group": group(parts), "chord": chord(parts, total.s())}
    raise self.replace(others[by])


@app.task(name="tests.ignore")
def ignore() -> None:
    raise Ignore("of no use")


@app.task(name="tests.reject", acks_late=True)
def reject() -> None:
    raise Reject("makes no sense", requeue=False)


@app.task(name="tests.redelivered", bind=True, acks_late=True)
def redelivered(self: Any, folder: str) -> str:
    """Have the message come again: the first run sends it back."""
    mark = Path(folder, "first")
    if not mark.exists():
        mark.touch()
        raise Reject("once more", requeue=True)
    return "second"


@app.task(name="tests.outlives_its_process", acks_late=True, reject_on_worker_lost=True)
def outlives_its_process(folder: str, seconds: float) -> int:
    """Kill its process in the first run, and return the second one's."""
    mark = Path(folder, "lost")
    if not mark.exists():
        mark.write_text(str(os.getpid()))
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@app.task(name="tests.mark", acks_late=True)
def mark(folder: str, number: int) -> int:
    """Leave a line for each run that has begun, and be at it for a while."""
    with Path(folder, str(number)).open("a") as marks:
        marks.write(f"{os.getpid()}\n")
    time.sleep(0.005)
    return number


@app.task(name="tests.mark_in_the_end", acks_late=True, reject_on_worker_lost=True)
def mark_in_the_end(folder: str, number: int) -> int:
    """Do the same, in a run that outlives its process."""
    return int(mark.run(folder, number))


@app.task(name="tests.sleep")
def sleep(seconds: float, mark: str = "") -> str:
    if mark:
        Path(mark).touch()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
    return "awake"


@app.task(name="tests.sleep_softly", soft_time_limit=1)
def sleep_softly() -> str:
    try:
        time.sleep(30)
    except SoftTimeLimitExceeded:
        return "reached"
    return "missed"


@app.task(name="tests.sleep_too_long", time_limit=1)
def sleep_too_long(label: str) -> None:
    time.sleep(60)


@app.task(name="tests.leave")
def leave(how: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(3)


@app.task(name="tests.leave_once", bind=True, retry_on_worker_lost=True, max_retries=1, default_retry_delay=0)
def leave_once(self: Any) -> str:
    if self.request.retries == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return "second"


@app.task(name="tests.pid")
def pid() -> int:
    return os.getpid()


@app.task(name="tests.exit_softly")
def exit_softly(status: int) -> None:
    raise SystemExit(status)
