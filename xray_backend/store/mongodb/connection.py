"""The database of a URL, its client in each process, and what its errors mean."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from mongoengine import Document
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import ConfigurationError as MongoConfigurationError

from xray_backend.errors import ConfigurationError, Unavailable
from xray_backend.store.mongodb.failures import RETRY_AFTER_SECONDS, translated

__all__ = ["Database", "Fields"]

Fields: TypeAlias = dict[str, Any]

_DEFAULTS: Final[Mapping[str, Any]] = {
    "w": "majority",
    "readConcernLevel": "majority",
    # A write of which the majority knows nothing by then is tried again, and is there once all the same.
    "wTimeoutMS": 10_000,
    # A replica set has chosen another primary by then, mostly; and whoever waits for an answer waits no longer.
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    # Longer than any query may take: a machine that vanished must not hold a thread for ever.
    "socketTimeoutMS": 60_000,
}
"""What holds where the URL does not say otherwise."""

_DATABASE_NAME: Final = "xray"


class Database:
    """The database that a URL names; all threads share it, and each process has a client of its own.

    Making one makes no connection and no thread: a program that forks its workers may make it in front. Before its
    first use `lacking` is asked, until it once returned None: what it says is missing must be made before all else.

    Raises `ConfigurationError` if the URL is wrong, or asks for writes that nobody acknowledges.
    """

    def __init__(self, url: str, lacking: Callable[["Database"], str | None] = lambda _: None) -> None:
        self._url = url
        self._lacking = lacking
        self._is_complete = False
        self._options = {name: value for name, value in _DEFAULTS.items() if name.lower() not in _named_in(url)}
        self._clients: dict[int, MongoClient[Fields]] = {}
        self._closed = False
        self._made().close()  # nobody waits for the first question to learn that the URL is wrong

    def collection(self, document: type[Document]) -> Collection[Fields]:
        """Return the collection that a document names. Raises `Unavailable` as `check` and `handle`."""
        self.check()
        return self.handle()[document._get_collection_name()]

    def check(self) -> None:
        """Return if nothing is missing. Raises `Unavailable`, since it may be made while the server runs."""
        if self._is_complete:
            return
        said = self._lacking(self)
        if said is not None:
            raise Unavailable(said, retry_after_seconds=RETRY_AFTER_SECONDS)
        self._is_complete = True

    def handle(self) -> MongoDatabase[Fields]:
        """Return the database of this process's client. Raises `Unavailable` if it was closed."""
        if self._closed:
            raise Unavailable("The server is stopping; try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
        client = self._clients.get(os.getpid()) or self._connected()
        return client.get_default_database(_DATABASE_NAME)

    translated = staticmethod(translated)

    def close(self) -> None:
        """Let go of the connections of this process. Idempotent."""
        self._closed = True
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _connected(self) -> "MongoClient[Fields]":
        """Make a client; of those that several threads make at once, one stays."""
        client = self._made()
        kept = self._clients.setdefault(os.getpid(), client)
        if kept is not client:
            client.close()
        return kept

    def _made(self) -> "MongoClient[Fields]":
        """Return a client without connections. Raises `ConfigurationError`."""
        with _configured():
            client: MongoClient[Fields] = MongoClient(self._url, connect=False, tz_aware=True, **self._options)
        if not client.write_concern.acknowledged:
            client.close()
            raise ConfigurationError("The URL of MongoDB says w=0, which acknowledges nothing; leave it out.")
        return client


@contextmanager
def _configured() -> Iterator[None]:
    """Say that the URL is wrong, in words that hold none of its secrets."""
    try:
        yield
    except (MongoConfigurationError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"The URL of MongoDB cannot be used ({type(error).__name__}); it is mongodb://host:port/name, with its "
            "user, password and options percent-encoded."
        ) from None


def _named_in(url: str) -> set[str]:
    return {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
