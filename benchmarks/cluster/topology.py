"""The servers of a measurement: Kafka, a MongoDB stand-in, S3, two API processes, and consumers when asked for."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from tests.servers.apache_kafka import ApacheKafka
from tests.servers.java_mongo import JavaMongo
from tests.servers.moto_s3 import MotoS3
from tests.servers.programs import settings_of

__all__ = ["APIS", "Consumer", "Topology"]

APIS = 2  # one for each core; each is one gunicorn with threads
START_SECONDS = 60.0  # it takes two or three; a busy machine deserves patience
COMMAND = [sys.executable, "-c", "import sys; from xray_backend.start import main; sys.exit(main())"]
_READY = re.compile(r"ready at (http://\S+)")


@dataclass(frozen=True)
class Consumer:
    """A consumer that runs, and where it tells how it is."""

    process_id: int
    url: str


class Topology:
    """All servers; `with` starts and ends them. The consumers are begun by hand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.kafka_servers = ""
        self.store_url = self.topic = ""
        self.apis: list[str] = []
        self.project_id = self.api_key = self.token = ""
        self._variables: dict[str, str] = {}

    def __enter__(self) -> "Topology":
        with ExitStack() as stack:
            kafka = stack.enter_context(ApacheKafka())
            mongo = stack.enter_context(JavaMongo())
            s3 = stack.enter_context(MotoS3()).endpoint
            self._variables = {**settings_of(kafka.servers, mongo.url, s3), "XRAY_REGISTRATION_OPEN": "1"}
            self.kafka_servers, self.store_url = kafka.servers, self._variables["XRAY_STORE_URL"]
            self.topic = self._variables["XRAY_BUS_URL"].rpartition("/")[2]
            self._run("init")
            self.apis = [stack.enter_context(self._serving(f"api-{number}")) for number in range(APIS)]
            self._register()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @contextmanager
    def consumer(self) -> Iterator[Consumer]:
        """Run a consumer."""
        with self._started(["consume"], {"XRAY_CONSUMER_PORT": "0"}, "consumer") as (process_id, url):
            yield Consumer(process_id, url)

    @contextmanager
    def _serving(self, name: str) -> Iterator[str]:
        with self._started(["serve", "--port", "0"], {}, name) as (_, url):
            yield url

    @contextmanager
    def _started(self, arguments: list[str], more: Mapping[str, str], name: str) -> Iterator[tuple[int, str]]:
        log = self._folder / f"{name}.log"
        variables = {**self._environment(name), **more}
        with log.open("wb") as output:
            process = subprocess.Popen([*COMMAND, *arguments], stdout=output, stderr=subprocess.STDOUT, env=variables)
        try:
            yield process.pid, _url_when_ready(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _run(self, command: str) -> None:
        subprocess.run([*COMMAND, command], env=self._environment("init"), check=True, stdout=subprocess.DEVNULL)

    def _environment(self, name: str) -> dict[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("XRAY_")}
        return plain | self._variables | {"XRAY_DATA_DIR": str(self._folder / name)}

    def _register(self) -> None:
        account = {"email": "bench@example.org", "password": secrets.token_hex(8), "name": "Bench"}
        self.token = self._post("auth/register", account)["token"]
        self.project_id = self._post("projects", {"name": "bench"})["project"]["projectId"]
        self.api_key = self._post(f"projects/{self.project_id}/keys", {"name": "bench"})["apiKey"]["key"]

    def _post(self, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.post(f"{self.apis[0]}/api/v1/{path}", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()


def _url_when_ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while (found := _READY.search(log.read_text())) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"it did not start:\n{log.read_text()}")
        time.sleep(0.05)  # between two looks at the log
    return found[1]
