"""What is made for accounts before the first is there."""

from contextlib import closing

from pymongo import MongoClient

from xray_backend.store.mongodb.account_layout import prepare
from xray_backend.store.mongodb.connection import Database


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
