"""A library's whole own test-suite comes to the same results with all that is public in it recorded."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.crash.delivery import ROOT
from xray_trace.config import Config
from xray_trace.export.inspection import spool_entries

MANY_STEPS = 1000
MOST_BYTES = 2_000_000_000  # nobody takes the records away meanwhile


def results(directory: Path, *options: str) -> dict[str, str]:
    """Run the library's tests and return what came of each."""
    directory.mkdir()
    report = directory / "report.xml"
    env = {
        **os.environ,
        "XRAY_API_KEY": "xray_sk_suite",
        "XRAY_BASE_URL": "http://127.0.0.1:9",
        "XRAY_SPOOL_DIR": str(directory / "spool"),
        "XRAY_MAX_SPOOL_BYTES": str(MOST_BYTES),
        "PYTHONPATH": str(ROOT),
    }
    chosen = ["-p", "no:cacheprovider", "-p", "no:asyncio", "--pyargs", "toolz", f"--junitxml={report}", *options]
    command = [sys.executable, "-m", "pytest", *chosen]
    done = subprocess.run(command, env=env, cwd=directory, capture_output=True, text=True, timeout=170, check=False)
    assert report.exists(), done.stdout + done.stderr
    return {f"{case.get('classname')}.{case.get('name')}": _outcome(case) for case in _cases(report)}


def _cases(report: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(report).iter("testcase"))


def _outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def test_toolz_passes_its_own_tests_as_without_while_every_public_function_is_recorded(tmp_path: Path) -> None:
    plain = results(tmp_path / "plain")
    recorded = results(tmp_path / "recorded", "-p", "tests.crash.recorded_toolz")
    assert list(plain.values()).count("passed") > 150
    assert recorded == plain
    assert not (tmp_path / "plain" / "spool").exists()
    entries = spool_entries(Config(api_key="xray_sk_suite", spool_dir=tmp_path / "recorded" / "spool"))
    assert sum(entry.events for entry in entries if entry.kind in ("journal", "batch")) > MANY_STEPS
