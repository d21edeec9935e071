import pytest

from tests.trace.export.bench import Bench
from tests.trace.export.scripted_server import ScriptedServer


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def bench(server, tmp_path):
    bench = Bench(server.url, tmp_path / "xray-sdk")
    yield bench
    bench.close()
