"""What the tests of the query language share."""

import pytest

from tests.backend.query.table import Table


@pytest.fixture(scope="module")
def table():
    table = Table()
    yield table
    table.close()
