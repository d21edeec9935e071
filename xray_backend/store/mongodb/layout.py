"""Making the collections and indexes: by `xray-backend init`, and by nothing else. And seeing that they are there."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from mongoengine import Document
from pymongo.errors import OperationFailure

from xray_backend.store.mongodb import account_layout
from xray_backend.store.mongodb.account_documents import ACCOUNT_DOCUMENTS
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.documents import RECORDED_DOCUMENTS
from xray_backend.store.mongodb.failures import is_transient
from xray_backend.store.mongodb.making import make_index, make_missing, missing_indexes

__all__ = ["missing_layout", "prepare"]

_WILDCARDS_BY_PROJECT: Final = (7, 0)
"""The first version of MongoDB in which a wildcard index may begin with another field."""


def prepare(url: str) -> list[str]:
    """Make the collections and indexes that are not there, and say in sentences what was done. Idempotent.

    Raises `ConfigurationError` if the URL is wrong or another index has the name of one of these,
    `Unavailable` if the database is away.
    """
    with closing(Database(url)) as database, database.translated():
        said = [sentence for document in RECORDED_DOCUMENTS for sentence in _prepare(database, document)]
        said += account_layout.prepare(database)
    return said or ["All collections and indexes of MongoDB are there."]


def missing_layout(database: Database) -> str | None:
    """Say in a sentence that an index is missing which `prepare` makes; None if all are there. Raises as PyMongo does.

    The index over every field of the metadata is none of these: some servers have no such indexes, and nothing but the
    time of a query depends on it.
    """
    documents: tuple[type[Document], ...] = (*RECORDED_DOCUMENTS, *ACCOUNT_DOCUMENTS)
    for document in documents:
        for _, options in missing_indexes(database, document):
            return (
                f"MongoDB lacks the index {options['name']} of {document._get_collection_name()}, without which this "
                "version of the server does not work: `xray-backend init` makes it, and all others that are missing."
            )
    return None


def _prepare(database: Database, document: type[Document]) -> Iterator[str]:
    yield from make_missing(database, document)
    if document._meta.get("wildcards"):
        yield from _prepare_wildcard(database, document)


def _prepare_wildcard(database: Database, document: type[Document]) -> Iterator[str]:
    """Make the index over every field of the metadata; a server that has no such indexes works without, and slower."""
    version = tuple(database.handle().client.server_info()["versionArray"][:2])
    name, keys = "by_field", [("$**", 1)]
    if version >= _WILDCARDS_BY_PROJECT:
        name, keys = "by_project_and_field", [("projectId", 1), ("$**", 1)]
    if name in database.collection(document).index_information():
        return
    fields = dict.fromkeys(document._meta["wildcards"], 1)
    try:
        yield make_index(database, document, keys, {"name": name, "wildcardProjection": fields})
    except OperationFailure as error:
        if is_transient(error.code):
            raise
        yield (
            f"The index over every field of {document._get_collection_name()} was not made, since this server has no "
            f"such indexes ({error.code}): queries of metadata look through all documents of their project."
        )
