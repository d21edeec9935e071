"""All parts of the distributed server, each behind a link of its own, and programs that come back."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from tests.backend.server import Address, Person, new_person
from tests.live.chaos.counted import Counted
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.minio import Minio
from tests.servers.programs import Programs, settings_of
from tests.servers.proxy import Proxy
from tests.servers.secantus import Secantus

__all__ = ["Stage"]

APIS = 2
PROJECTS = 3
RETENTION_DAYS = 1  # of one of them: what is recorded here never gets so old
GROUP = "xray-chaos"


class Stage:
    """`with` starts all; whoever is killed and started again keeps its folder and its port."""

    def __init__(self, folder: Path, *, consumers: int = 2, **settings: str) -> None:
        for name in ("kafka", "mongodb", "s3"):
            (folder / name).mkdir(parents=True)
        self.folder = folder
        self.front, self.to_kafka, self.to_mongodb, self.to_s3 = (Proxy() for _ in range(4))
        self.kafka = ApacheKafka(folder / "kafka", advertised_port=self.to_kafka.port)
        self.mongodb = Secantus(folder / "mongodb", sync=True)
        self.s3 = Minio(folder / "s3")
        self.to_kafka.targets = (self.kafka.port,)
        self.to_mongodb.targets = (self.mongodb.port,)
        self.to_s3.targets = (self.s3.port,)
        mongodb_url = self.mongodb.url.replace(self.mongodb.address, self.to_mongodb.address)
        s3 = replace(self.s3.endpoint, url=self.to_s3.url)
        made = settings_of(self.to_kafka.address, mongodb_url, s3)
        own = {
            "XRAY_PUBLIC_BASE_URL": self.front.url,
            "XRAY_CONSUMER_GROUP": GROUP,
            # The least that the broker takes: nobody waits here for a consumer that was killed.
            "XRAY_KAFKA_OPTIONS": '{"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000}',
            "XRAY_SWEEP_SECONDS": "60",  # it must find nothing that is too old or abandoned, whatever goes wrong
        }
        self.programs = Programs(folder, {**made, **own, **settings}, apis=APIS, consumers=consumers)
        self.counted = Counted(self.programs)
        self.front.targets = tuple(api.port for api in self.programs.apis)
        self._stack = ExitStack()

    def __enter__(self) -> "Stage":
        with ExitStack() as starting:
            for link in self.links:
                starting.enter_context(link)
            with ThreadPoolExecutor() as side_by_side:  # one that fails is told once the others can be ended
                list(side_by_side.map(starting.enter_context, (self.kafka, self.mongodb, self.s3)))
            starting.enter_context(self.programs)
            self.persons: list[Person] = [new_person(Address(self.front.url)) for _ in range(PROJECTS)]
            kept = self.persons[0].call("PATCH", "", json={"retentionDays": RETENTION_DAYS})
            assert kept.status_code == HTTPStatus.OK, kept.text
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @property
    def links(self) -> tuple[Proxy, ...]:
        """All links: to the API, the broker, the database and the blobs."""
        return self.front, self.to_kafka, self.to_mongodb, self.to_s3

    def sdk(self, person: Person) -> dict[str, str]:
        """Return the environment of a program that records into somebody's project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}
        return {
            **kept,
            "XRAY_API_KEY": person.key,
            "XRAY_BASE_URL": self.front.url,
            "XRAY_BATCH_INTERVAL_SECONDS": "0.2",  # so that sending is often in the middle of something
            "XRAY_MAX_SPOOL_BYTES": "4000000000",  # what waits for a part that is away is no reason to evict any
        }
