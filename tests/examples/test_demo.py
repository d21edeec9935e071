"""`make demo`, as a stranger runs it."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples.conftest import ROOT, Home

Finder = Callable[[Path], list[str]]

WAIT_SECONDS = 60.0  # a deadline for what takes a second or two


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def our_products_in(category: str) -> set[str]:
    with (ROOT / "examples/our_products.csv").open(encoding="utf-8") as file:
        return {row["title"] for row in csv.DictReader(file) if row["category"] == category}


def test_the_demo_finds_exactly_the_runs_that_ranked_without_a_context(home: Home, processes_naming: Finder) -> None:
    shown = home.run("examples/demo.py", "--svg", str(home.temporary / "demo.svg"))

    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    found = re.findall(r"rank +(\S.*?) +Home & Garden +0 notes", shown.stdout)
    assert len(found) == shown.stdout.count("0 notes") == len(set(found))
    assert set(found) == our_products_in("Home & Garden")
    assert "<svg" in (home.temporary / "demo.svg").read_text()
    assert processes_naming(home.temporary) == []
    assert list(home.temporary.glob("xray*")) == []


def test_the_demo_shows_a_trace_with_what_was_recorded_and_the_schema(home: Home) -> None:
    shown = home.run("examples/demo.py").stdout

    assert re.search(r"1 generate_keywords +\d+\.\d ms", shown)
    assert '→ title str[12] "Steel bottle"' in shown
    assert '← return list[4] ["steel bottle", "steel", "bottle"' in shown
    assert re.search(r"2 search_products +\d+\.\d ms", shown)
    assert '→ keywords list[4] ["steel bottle", "steel"' in shown
    assert re.search(r'→ context list\[3\] \[{"term": "insulated"', shown)
    assert re.search(r"keywordCount +number", shown)
    assert re.search(r"priceRange\n.*max +number\n.*min +number", shown)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["server/credentials.json", "spool/events/*", ""])
def test_a_demo_that_is_interrupted_leaves_nothing_running(
    home: Home, processes_naming: Finder, ending: signal.Signals, moment: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "examples/demo.py"],
        cwd=ROOT,
        env=home.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            wait_until(lambda: list(home.temporary.glob(f"xray-demo-*/{moment}")) or demo.poll() is not None)
            os.kill(demo.pid, ending)
            _, said = demo.communicate(timeout=WAIT_SECONDS)
        finally:
            demo.kill()

    assert demo.returncode == 130, said
    assert said.startswith("Interrupted; nothing is left running.\n")
    assert processes_naming(home.temporary) == []
    assert list(home.temporary.glob("xray*")) == []


def test_a_demo_that_cannot_record_says_why_in_one_sentence(home: Home) -> None:
    shown = home.run("examples/demo.py", XRAY_ENABLED="0")

    assert shown.returncode == 1
    assert shown.stderr == "The demo failed: nothing was recorded; is XRAY_ENABLED set to 0?\n"
    assert list(home.temporary.glob("xray*")) == []
