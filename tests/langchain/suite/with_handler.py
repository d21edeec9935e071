"""A plugin for pytest: every run of the tests is recorded. Those that take no notice of this are what it is about."""

from xray_langchain import install
from xray_langchain.open_runs import OPEN_RUNS

import xray_trace as xray

install()
with xray.step("make the spool"):  # a directory made within a test would be a blocking call, which the tests forbid
    pass


def pytest_sessionfinish() -> None:
    stats, dropped = xray.stats(), sum(xray.stats().dropped.values())
    print(f"\nrecorded {stats.recorded} swallowed {stats.swallowed} dropped {dropped} open {len(OPEN_RUNS)}")
