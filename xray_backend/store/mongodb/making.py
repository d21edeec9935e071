"""Making an index, and saying so; and finding those that are missing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mongoengine import Document
from pymongo.errors import OperationFailure

from xray_backend.errors import ConfigurationError
from xray_backend.store.mongodb.connection import Database

__all__ = ["make_index", "make_missing", "missing_indexes"]

_CONFLICTS: Final = (85, 86)
"""MongoDB's errors for an index that is there under this name, or with these keys, and is another."""


def make_missing(database: Database, document: type[Document]) -> Iterator[str]:
    """Make the declared indexes that are not there, and say which. Raises as `make_index`."""
    for keys, options in missing_indexes(database, document):
        yield make_index(database, document, keys, options)


def missing_indexes(
    database: Database, document: type[Document]
) -> Iterator[tuple[list[tuple[str, Any]], dict[str, Any]]]:
    """Find the declared indexes that are not there, or are others under their names: keys and options of each."""
    known = database.handle()[document._get_collection_name()].index_information()
    for spec in document._meta["index_specs"]:
        options = {"name": "_".join(f"{field}_{order}" for field, order in spec["fields"]), **spec}
        keys = options.pop("fields")
        if not _is_the_same(known.get(options["name"]), keys, options):
            yield keys, options


def _is_the_same(found: Mapping[str, Any] | None, keys: list[tuple[str, Any]], options: Mapping[str, Any]) -> bool:
    """Tell by what decides what is right; the rest decides how fast."""
    return found is not None and found["key"] == keys and found.get("unique", False) == options.get("unique", False)


def make_index(
    database: Database, document: type[Document], keys: list[tuple[str, Any]], options: dict[str, Any]
) -> str:
    """Make it. Raises `ConfigurationError` if another one has its name, and what PyMongo raises."""
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
