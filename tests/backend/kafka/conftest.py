"""A topic, and a place to consume it into."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.kafka.consuming import Place
from tests.backend.kafka.topic import Topic


@pytest.fixture
def topic(kafka_servers: str) -> Iterator[Topic]:
    """Made, with nothing in it."""
    with Topic(kafka_servers) as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, topic: Topic) -> Place:
    return Place(tmp_path, topic)
