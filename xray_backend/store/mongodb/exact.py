"""Reading where it is written: what decides something must not be what a secondary knows so far."""

from mongoengine import Document
from pymongo import ReadPreference
from pymongo.collection import Collection

from xray_backend.store.mongodb.connection import Database, Fields

__all__ = ["exact"]


def exact(database: Database, document: type[Document]) -> Collection[Fields]:
    """Return the collection that a document names, read from the primary whatever the URL prefers."""
    return database.collection(document).with_options(read_preference=ReadPreference.PRIMARY)
