"""One real server for all tests of the API, and people who use it."""

from collections.abc import Iterator

import pytest

from tests.backend.described import held_to_its_document
from tests.backend.server import Person, Server, new_person

UI_ORIGIN = "https://ui.example.org"
MAX_BLOB_BYTES = 200_000


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with (
        Server(
            tmp_path_factory.mktemp("server") / "data",
            XRAY_CORS_ORIGINS=UI_ORIGIN,
            XRAY_MAX_BLOB_BYTES=str(MAX_BLOB_BYTES),
            XRAY_MAX_PRESIGN_ITEMS="20",
            XRAY_LOGIN_RATE_PER_ADDRESS="100000/minute",
            XRAY_REGISTER_RATE_PER_ADDRESS="100000/minute",
        ) as running,
        held_to_its_document(running),
    ):
        yield running


@pytest.fixture(scope="session")
def person(server: Server) -> Person:
    """Somebody who changes nothing that others count."""
    return new_person(server)


@pytest.fixture
def somebody(server: Server) -> Person:
    """Somebody new, in a project where nothing was recorded."""
    return new_person(server)
