"""Without what `xray-backend init` makes in MongoDB nothing starts, nothing is made, and a sentence says so."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import Place, step_ids
from tests.backend.kafka.topic import Topic
from tests.backend.server import Server, assert_refused, new_person, refused_start
from tests.contract.stores import new_database
from tests.servers.backend import run_backend
from tests.servers.proxy import Link, Proxy
from xray_backend.store.mongodb.store import MongoStore

ACCOUNT = {"email": "a@example.org", "password": "correct horse", "name": "A"}
SENTENCE = "MongoDB lacks the index"


@dataclass
class Empty:
    """A database that nobody has made, behind a link, and the settings that name it."""

    url: str
    link: Proxy
    client: MongoClient[dict[str, Any]]

    def variables(self, folder: Path) -> dict[str, str]:
        return {"XRAY_STORE_URL": self.url, "XRAY_JWT_SECRET": "j" * 32, "XRAY_PORT": "0", "XRAY_DATA_DIR": str(folder)}

    def collections(self) -> list[str]:
        return self.client.get_default_database().list_collection_names()


@pytest.fixture
def empty(mongodb_url: str) -> Iterator[Empty]:
    behind = urlsplit(mongodb_url)
    assert behind.port is not None
    direct = behind._replace(path=f"/xray-{secrets.token_hex(6)}")
    with Proxy(behind.port) as link, MongoClient[dict[str, Any]](direct.geturl()) as client:
        yield Empty(direct._replace(netloc=link.address).geturl(), link, client)
        client.drop_database(client.get_default_database())


@pytest.mark.parametrize("command", ["serve", "up"])
def test_the_api_does_not_start_and_names_the_command_that_makes_it(command: str, empty: Empty, tmp_path: Path) -> None:
    status, said = refused_start([command], **empty.variables(tmp_path))
    assert status == 2
    assert SENTENCE in said
    assert "`xray-backend init` makes it" in said
    assert len(said.splitlines()) == 1
    assert empty.collections() == []


def test_a_consumer_does_not_start_and_names_the_command_that_makes_it(
    empty: Empty, tmp_path: Path, kafka_servers: str
) -> None:
    bus = f"kafka://{kafka_servers}/never-made"
    status, said = refused_start(["consume"], **empty.variables(tmp_path), XRAY_BUS_URL=bus, XRAY_CONSUMER_PORT="0")
    assert status == 2
    assert SENTENCE in said
    assert "`xray-backend init` makes it" in said
    assert empty.collections() == []


def test_a_layout_of_an_older_version_is_named_by_what_it_lacks(mongodb_url: str, tmp_path: Path) -> None:
    with new_database(mongodb_url) as url, MongoClient[dict[str, Any]](url) as client:
        client.get_default_database()["users"].drop_index("email_1")
        variables = {"XRAY_STORE_URL": url, "XRAY_JWT_SECRET": "j" * 32, "XRAY_DATA_DIR": str(tmp_path)}
        status, said = refused_start(["serve"], **variables, XRAY_PORT="0")
    assert status == 2
    assert "MongoDB lacks the index email_1 of users" in said


def test_an_api_that_started_while_the_database_was_away_waits_for_the_layout_and_then_works(
    empty: Empty, tmp_path: Path
) -> None:
    empty.link.become(Link.REFUSES)
    variables = empty.variables(tmp_path)
    with Server(tmp_path, command="serve", **variables) as address:
        empty.link.become(Link.PASSES)
        wait_until(lambda: SENTENCE in address.call("POST", "/api/v1/auth/register", json=ACCOUNT).text)
        assert_refused(address.call("POST", "/api/v1/auth/register", json=ACCOUNT), 503)
        assert_refused(address.call("GET", "/ready"), 503)
        assert empty.collections() == []
        run_backend(["init"], {**os.environ, **variables})
        assert new_person(address).steps({}) == []


def test_a_consumer_that_started_while_the_database_was_away_waits_for_the_layout_and_loses_nothing(
    empty: Empty, tmp_path: Path, kafka_servers: str
) -> None:
    empty.link.become(Link.REFUSES)
    with Topic(kafka_servers) as topic:
        topic.publish(step("kept"))
        consumer = Place(tmp_path, topic, empty.url).consumer()
        consumer.launch()
        try:
            wait_until(lambda: "events waits: The database cannot be reached" in consumer.output)
            empty.link.become(Link.PASSES)
            wait_until(lambda: f"events waits: {SENTENCE}" in consumer.output)
            assert empty.collections() == []
            run_backend(["init"], {**os.environ, "XRAY_STORE_URL": empty.url})
            wait_until(lambda: topic.lag() == {})
        finally:
            consumer.stop()
    store = MongoStore(empty.url)
    assert step_ids(store) == ["kept"]
    store.close()
