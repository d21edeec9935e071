"""Making the collections and indexes: by `xray-backend init`, and by nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from mongoengine import Document
from pymongo.errors import OperationFailure

from xray_backend.errors import ConfigurationError
from xray_backend.store.mongodb import account_layout
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.documents import RECORDED_DOCUMENTS
from xray_backend.store.mongodb.failures import is_transient

__all__ = ["prepare"]

_WILDCARDS_BY_PROJECT: Final = (7, 0)
"""The first version of MongoDB in which a wildcard index may begin with another field."""

_CONFLICTS: Final = (85, 86)
"""MongoDB's errors for an index that is there under this name, or with these keys, and is another."""


def prepare(url: str) -> list[str]:
    """Make the collections and indexes that are not there, and say in sentences what was done. Idempotent.

    Raises `ConfigurationError` if the URL is wrong or another index has the name of one of these,
    `Unavailable` if the database is away.
    """
    with closing(Database(url)) as database, database.translated():
        said = [sentence for document in RECORDED_DOCUMENTS for sentence in _prepare(database, document)]
        said += account_layout.prepare(database)
    return said or ["All collections and indexes of MongoDB are there."]


def _prepare(database: Database, document: type[Document]) -> Iterator[str]:
    known = database.collection(document).index_information()
    for spec in document._meta["index_specs"]:
        options = {**spec}
        keys = options.pop("fields")
        if spec["name"] not in known:
            yield _make(database, document, keys, options)
    if document._meta.get("wildcards"):
        yield from _prepare_wildcard(database, document, known)


def _prepare_wildcard(database: Database, document: type[Document], known: Mapping[str, Any]) -> Iterator[str]:
    """Make the index over every field of the metadata; a server that has no such indexes works without, and slower."""
    version = tuple(database.handle().client.server_info()["versionArray"][:2])
    name, keys = "by_field", [("$**", 1)]
    if version >= _WILDCARDS_BY_PROJECT:
        name, keys = "by_project_and_field", [("projectId", 1), ("$**", 1)]
    if name in known:
        return
    fields = dict.fromkeys(document._meta["wildcards"], 1)
    try:
        yield _make(database, document, keys, {"name": name, "wildcardProjection": fields})
    except OperationFailure as error:
        if is_transient(error.code):
            raise
        yield (
            f"The index over every field of {document._get_collection_name()} was not made, since this server has no "
            f"such indexes ({error.code}): queries of metadata look through all documents of their project."
        )


def _make(database: Database, document: type[Document], keys: list[tuple[str, Any]], options: dict[str, Any]) -> str:
    collection = database.collection(document)
    try:
        collection.create_index(keys, **options)
    except OperationFailure as error:
        if error.code not in _CONFLICTS:
            raise
        raise ConfigurationError(
            f"The collection {collection.name} has an index that is not the one of this version, under the name or "
            f"with the keys of '{options['name']}'; drop it, and call `xray-backend init` again."
        ) from error
    return f"The index {options['name']} of {collection.name} was made."
