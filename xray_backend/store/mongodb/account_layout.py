"""Makes the collections and indexes of accounts, and of what is to be forgotten."""

from xray_backend.store.mongodb.account_documents import ACCOUNT_DOCUMENTS
from xray_backend.store.mongodb.connection import Database

__all__ = ["prepare"]


def prepare(database: Database) -> list[str]:
    """Make the indexes that are not there yet, and say which; making one makes its collection. Idempotent."""
    made = []
    with database.translated():
        for document in ACCOUNT_DOCUMENTS:
            collection = database.collection(document)
            known = collection.index_information()
            for spec in document._meta["index_specs"]:
                options = dict(spec)
                name = collection.create_index(options.pop("fields"), **options)
                if name not in known:
                    made.append(f"The index {name} of {collection.name} was made.")
    return made
