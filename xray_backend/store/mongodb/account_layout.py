"""Makes the collections and indexes of accounts, and of what is to be forgotten."""

from xray_backend.store.mongodb.account_documents import ACCOUNT_DOCUMENTS
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.making import make_missing

__all__ = ["prepare"]


def prepare(database: Database) -> list[str]:
    """Make the indexes that are not there yet, and say which; making one makes its collection. Idempotent.

    Raises `ConfigurationError` if another index has the name of one of these, `Unavailable` if the database is away.
    """
    with database.translated():
        return [sentence for document in ACCOUNT_DOCUMENTS for sentence in make_missing(database, document)]
