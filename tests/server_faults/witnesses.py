"""Clients that record, upload and ask until they are told to stop, and remember what was acknowledged."""

import hashlib
import threading
from collections.abc import Callable
from typing import Any

import requests

from tests.backend.api.events import data, step, trace_start
from tests.backend.server import Person

STEPS_AT_ONCE = 5
PART_BYTES = 8 * 1024 * 1024  # what the server makes of a value over 5 MiB
BREATH_SECONDS = 0.02  # between two tries while the server is away
JOIN_SECONDS = 120


def content_of(name: str, size_bytes: int) -> bytes:
    return hashlib.shake_128(name.encode()).digest(size_bytes)


class Witnesses:
    """Threads of one life of the server; `tried` and `whole` map each value's id to its bytes."""

    def __init__(self, person: Person, life: str) -> None:
        self.steps: set[str] = set()
        self.inline: set[str] = set()
        self.tried: dict[str, bytes] = {}
        self.whole: set[str] = set()
        self.unexpected: list[str] = []
        self.answered = threading.Event()
        self._person = person
        self._life = life
        self._over = threading.Event()
        tasks = (self._record, self._record, self._put, self._put_parts, self._ask)
        self._threads = [
            threading.Thread(target=self._repeat, args=(task, f"{life}-{number}")) for number, task in enumerate(tasks)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def trace_id(self) -> str:
        return f"trace-{self._life}"

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive()

    def _repeat(self, task: Callable[[str], None], name: str) -> None:
        turn = 0
        while not self._over.is_set():
            turn += 1
            try:
                task(f"{name}-{turn}")
            except requests.RequestException:  # the server was killed
                self._over.wait(BREATH_SECONDS)
            except BaseException as error:
                self.unexpected.append(repr(error))
                raise

    def _taken(self, answered: requests.Response) -> bool:
        """Tell whether it was acknowledged; what was not must be worth repeating."""
        if answered.status_code != 200:
            assert answered.status_code == 503, answered.text
            return False
        self.answered.set()
        return True

    def _record(self, name: str) -> None:
        steps = [f"{name}-{part}" for part in range(STEPS_AT_ONCE)]
        events = [step(step_id, self.trace_id, metadata={"label": step_id}) for step_id in steps]
        events += [trace_start(self.trace_id), data(name, self.trace_id, content=f"content of {name}")]
        if self._taken(self._person.ingest(*events)):
            self.steps.update(steps)
            self.inline.add(name)

    def _announce(self, name: str, content: bytes) -> dict[str, Any] | None:
        self.tried[name] = content
        about = {"dataId": name, "traceId": self.trace_id, "key": "k", "sizeBytes": len(content)}
        answered = self._person.record("/presign", about)
        found: dict[str, Any] | None = answered.json() if self._taken(answered) else None
        return found

    def _put(self, name: str) -> None:
        content = content_of(name, 300_000)
        announced = self._announce(name, content)
        if announced and self._taken(requests.put(announced["presignedUrl"], data=content, timeout=60)):
            self.whole.add(name)

    def _put_parts(self, name: str) -> None:
        content = content_of(name, PART_BYTES + 100_000)
        announced = self._announce(name, content)
        if announced is None:
            return
        done = []
        for part in announced["upload"]["parts"]:
            end = part["partNumber"] * PART_BYTES
            answered = requests.put(part["presignedUrl"], data=content[end - PART_BYTES : end], timeout=60)
            if not self._taken(answered):
                return
            done.append({"partNumber": part["partNumber"], "etag": answered.headers["ETag"]})
        about = {"dataId": name, "uploadId": announced["upload"]["uploadId"], "parts": done}
        if self._taken(self._person.record("/presign/complete", about)):
            self.whole.add(name)

    def _ask(self, _: str) -> None:
        self._taken(self._person.call("POST", "query", json={"filter": {"metadata.label": {"$exists": True}}}))
