"""Inserting documents of which some may be there already: the server is not asked before, it says so."""

from collections.abc import Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from mongoengine import Document
from pymongo.errors import BulkWriteError

from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.failures import DUPLICATE_KEY

__all__ = ["insert_new"]


def insert_new(database: Database, document: type[Document], documents: Sequence[RawBSONDocument]) -> list[int]:
    """Insert those that are not there, and return the places of the others."""
    if not documents:
        return []
    inserted: Any = documents  # PyMongo writes the bytes as they are
    with database.translated():
        try:
            database.collection(document).insert_many(inserted, ordered=False)
        except BulkWriteError as error:
            return _places_of_known(error)
    return []


def _places_of_known(error: BulkWriteError) -> list[int]:
    """Return the places of what was there. Raises the error itself if anything else went wrong."""
    details = error.details or {}
    refused = details.get("writeErrors") or []
    if details.get("writeConcernErrors") or any(each["code"] != DUPLICATE_KEY for each in refused):
        raise error
    return [each["index"] for each in refused]
