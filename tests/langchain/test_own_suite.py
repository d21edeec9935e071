"""langchain-core's own unit tests of runnables and callbacks come to the same results with every run recorded."""

import importlib.metadata
import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.crash.delivery import ROOT
from tests.servers.fetched import Suite, langchain_suite

COUNTS_HANDLERS = "tests.unit_tests.runnables.test_config.test_merge_config_callbacks"
"""It asserts that a run has one handler, which is so for as long as nobody installs another."""
PLUGINS = Path(__file__).parent / "suite"
MANY_STEPS = 1000


@pytest.fixture(scope="module")
def suite() -> Suite:
    return langchain_suite(importlib.metadata.version("langchain-core"))


def run(suite: Suite, directory: Path, *options: str) -> tuple[dict[str, str], str]:
    """Run the tests; return what came of each, and what was printed."""
    directory.mkdir()
    report = directory / "report.xml"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LANGCHAIN_", "LANGSMITH_"))}
    env |= {
        "XRAY_API_KEY": "xray_sk_suite",
        "XRAY_BASE_URL": "http://127.0.0.1:9",
        "XRAY_SPOOL_DIR": str(directory / "spool"),
        "XRAY_MAX_SPOOL_BYTES": "2000000000",  # nobody takes the records away meanwhile
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "integrations", PLUGINS))),
    }
    chosen = ["--benchmark-disable", "--allow-hosts=127.0.0.1", f"--junitxml={report}", *options]
    if not any(option.startswith("tests/") for option in options):
        chosen += ["tests/unit_tests/runnables", "tests/unit_tests/callbacks"]
    command = [str(suite.python), "-m", "pytest", "-p", "no:cacheprovider", *chosen]
    done = subprocess.run(command, env=env, cwd=suite.source, capture_output=True, text=True, timeout=300, check=False)
    assert report.exists(), done.stdout + done.stderr
    cases = ElementTree.parse(report).iter("testcase")
    return {f"{case.get('classname')}.{case.get('name')}": _outcome(case) for case in cases}, done.stdout


def _outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def differences(plain: dict[str, str], recorded: dict[str, str]) -> set[str]:
    return {name for name in plain | recorded if plain.get(name) != recorded.get(name)}


@pytest.mark.timeout(900)  # the first time all of it is fetched
def test_langchain_core_passes_its_own_tests_as_without_while_every_run_is_recorded(
    suite: Suite, tmp_path: Path
) -> None:
    plain, _ = run(suite, tmp_path / "plain")
    recorded, printed = run(suite, tmp_path / "recorded", "-p", "with_handler")
    assert list(plain.values()).count("passed") > 350
    differing = differences(plain, recorded)
    if differing != {COUNTS_HANDLERS}:  # some measure time, and the machine may be busy: what is ours comes again
        differing &= differences(run(suite, tmp_path / "plain-again")[0], recorded)
        differing &= differences(plain, run(suite, tmp_path / "recorded-again", "-p", "with_handler")[0])
    assert differing == {COUNTS_HANDLERS}
    told = re.search(r"recorded (\d+) swallowed (\d+) dropped (\d+) open (\d+)", printed)
    assert told is not None, printed
    assert int(told[1]) > MANY_STEPS
    assert told.groups()[1:] == ("0", "0", "0"), printed


@pytest.mark.timeout(900)
def test_the_one_that_counts_handlers_fails_with_any_that_is_installed(suite: Suite, tmp_path: Path) -> None:
    test = "tests/unit_tests/runnables/test_config.py::test_merge_config_callbacks"
    bare, _ = run(suite, tmp_path / "bare", "-p", "with_bare_handler", test)
    assert bare == {COUNTS_HANDLERS: "failure"}
