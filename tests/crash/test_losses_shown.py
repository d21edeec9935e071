"""What a program's SDK lost is told to the real server, and shown at `/metrics`."""

from pathlib import Path

import pytest

from tests.backend.server import Server, new_person
from tests.trace.export.bench import Bench, step


@pytest.mark.parametrize("programs", [1, 2])
def test_what_programs_lost_is_summed_up_at_the_servers_metrics(tmp_path: Path, programs: int) -> None:
    with Server(tmp_path / "server") as server:
        key = new_person(server).key
        for number in range(programs):
            bench = Bench(server.base_url, tmp_path / f"spool-{number}")
            exporter, _ = bench.exporter(api_key=key)
            exporter.put(step("an id that the server refuses"))
            assert exporter.flush(30).dropped == {"rejected by the server": 1}
            for name in ("s1", "s2"):  # each tells the same sum
                exporter.put(step(f"{name}-{number}"))
                assert exporter.flush(30).pending == 0
            bench.close()
        shown = server.call("GET", "/metrics").text
        assert f'xray_sdk_dropped_items_total{{reason="rejected by the server"}} {float(programs)}' in shown
