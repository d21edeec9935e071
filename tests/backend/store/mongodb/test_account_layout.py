"""What is made for accounts before the first is there."""

from contextlib import closing
from typing import Any

import pytest
from pymongo import MongoClient

from tests.backend.kafka.consuming import finished
from tests.contract.stores import new_database
from xray_backend.store.mongodb.account_layout import prepare
from xray_backend.store.mongodb.connection import Database

CONFLICTS: dict[str, dict[str, Any]] = {
    "one of the same name that lets an e-mail be there twice": {"keys": [("email", 1)], "name": "email_1"},
    "one of the same name over another field": {"keys": [("name", 1)], "name": "email_1", "unique": True},
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_an_index_that_is_in_the_way_is_named_by_init_in_a_sentence(conflict: str, mongodb_url: str) -> None:
    with new_database(mongodb_url) as url, MongoClient[dict[str, Any]](url) as client:
        users = client.get_default_database()["users"]
        users.drop_index("email_1")
        users.create_index(**CONFLICTS[conflict])
        status, said = finished(["init"], {"XRAY_STORE_URL": url})
    assert status == 2
    (sentence,) = [line for line in said.splitlines() if line.startswith("xray-backend: ")]
    assert "The collection users has an index that is not the one of this version" in sentence
    assert "'email_1'; drop it, and call `xray-backend init` again." in sentence
    assert "Traceback" not in said


def test_what_is_made_is_told_once_and_the_names_are_those_of_the_architecture(mongodb_url: str) -> None:
    address, _, options = mongodb_url.partition("/?")
    url = f"{address.rstrip('/')}/xray-layout?{options}"
    with MongoClient[dict[str, object]](url) as client, closing(Database(url)) as database:
        client.drop_database("xray-layout")
        first, second = prepare(database), prepare(database)
        names = set(client["xray-layout"].list_collection_names())
        client.drop_database("xray-layout")
    assert first[0] == "The index email_1 of users was made."
    assert second == []
    assert {"users", "projectMembers", "apiKeys", "attempts", "deletedTraces", "deletedProjects"} <= names
