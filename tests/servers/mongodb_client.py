"""What the servers of MongoDB's protocol are asked."""

from pymongo import MongoClient

__all__ = ["assert_mongodb_answers"]

ANSWER_MS = 1000  # a server on this machine answers in milliseconds; one that starts does not answer at all


def assert_mongodb_answers(url: str) -> None:
    """Ask whether it is there. Raises `PyMongoError` if it does not answer."""
    with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=ANSWER_MS, socketTimeoutMS=ANSWER_MS) as client:
        client.admin.command("ping")
